"""Lambda itself: event source mappings, invocation, execution environments, the store and the clock."""
