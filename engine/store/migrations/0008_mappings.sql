-- Event source mappings: what each was made with, and its state.
CREATE TABLE event_source_mappings (
    uuid          TEXT    PRIMARY KEY,
    function_arn  TEXT    NOT NULL,  -- as it is echoed: with a qualifier if one was given
    parameters    TEXT    NOT NULL,  -- JSON: the parameters of CreateEventSourceMapping, with their defaults
    state         TEXT    NOT NULL,
    last_modified INTEGER NOT NULL,  -- milliseconds from 1970
    made_by       TEXT    NOT NULL   -- 'configuration' or 'api'
) STRICT, WITHOUT ROWID;
