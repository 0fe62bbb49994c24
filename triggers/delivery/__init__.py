"""Payloads on their way from a rule or a schedule to a target, tried again until somebody gives up."""
