"""Does delivering an event again change anything? The parts of `headrace check-idempotency`."""
