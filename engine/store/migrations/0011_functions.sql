-- Functions that were made over the API, and what the API has added to configured ones. A document is a JSON
-- object of the members that the file engine/functions/deployed.py describes.
CREATE TABLE function (
    name     TEXT PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE function_version (
    function TEXT NOT NULL REFERENCES function (name) ON DELETE CASCADE,
    version  TEXT NOT NULL,                 -- `$LATEST` or a number
    document TEXT NOT NULL,
    PRIMARY KEY (function, version)
) STRICT;

-- The numbers of versions go on after one is deleted, also after all are.
CREATE TABLE layer (
    name         TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
) STRICT;

CREATE TABLE layer_version (
    layer    TEXT    NOT NULL REFERENCES layer (name),
    version  INTEGER NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (layer, version)
) STRICT;

-- The version that gave an event's last response.
ALTER TABLE event_queue ADD COLUMN executed_version TEXT;
