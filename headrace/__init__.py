"""Headrace runs your AWS Lambda functions on local events: files, schedules, queues and recordings."""

__version__ = "0.1.0"
