"""SNS topics: messages that are published once and delivered to functions and queues."""
