"""DynamoDB Streams of the user's own SQLite tables, as event source mappings read them."""
