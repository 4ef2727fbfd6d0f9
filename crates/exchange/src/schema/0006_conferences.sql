-- How busy a media node is; it lives as long as its lease ("media/<node>").
CREATE TABLE media_nodes (
    node TEXT NOT NULL PRIMARY KEY,
    load BIGINT NOT NULL
);
-- The call that lives under a group's id. A call that is over has no row.
CREATE TABLE call_groups (
    group_id TEXT NOT NULL PRIMARY KEY,
    call_id TEXT NOT NULL
);
CREATE INDEX call_groups_by_call ON call_groups (call_id);
ALTER TABLE calls ADD COLUMN is_group BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN group_id TEXT;
ALTER TABLE calls ADD COLUMN media_node TEXT;
