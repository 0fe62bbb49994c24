-- Tables of DynamoDB. Of those that CreateTable made, `properties` is all that the API was told (their items
-- are in tables.db beside this file); of those that the configuration declares, tags and time to live alone.
CREATE TABLE dynamodb_tables (
    name TEXT PRIMARY KEY,
    made_by_api INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    properties TEXT NOT NULL
) STRICT, WITHOUT ROWID;
