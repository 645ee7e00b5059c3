"""The tables of the directory's file, one step for each release that changed them.

A step makes version n + 1 of version n and keeps what is there. Steps are never edited once they
were released: a file in the field has been through them. How and when they are run is the business
of `schema`.
"""

from __future__ import annotations

__all__ = ["STEPS"]

_FIRST_TABLES = """
CREATE TABLE domains (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    id INTEGER PRIMARY KEY,  -- the order they were added in
    name TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    password TEXT NOT NULL,  -- {SCHEME}hash, as in a Dovecot passwd-file
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
) STRICT;
CREATE INDEX users_by_domain ON users (domain, enabled);
CREATE TABLE aliases (
    id INTEGER PRIMARY KEY,  -- targets keep the order they were given in
    source TEXT NOT NULL,
    domain TEXT NOT NULL,                  -- of the source
    target TEXT NOT NULL,                  -- an address as it was written
    target_key TEXT NOT NULL,              -- the same in the form names are compared in
    UNIQUE (source, target_key)
) STRICT;
CREATE INDEX aliases_by_domain ON aliases (domain);
CREATE INDEX aliases_by_target ON aliases (target_key);
"""

_SECOND_TABLES = """
-- Verifiers beside the hash, in Dovecot's form (`scram`); empty where there is none.
ALTER TABLE users ADD COLUMN scram_sha_1 TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN scram_sha_256 TEXT NOT NULL DEFAULT '';
-- A random place on a ring, by which names without an account find the one they imitate (`logins`).
ALTER TABLE users ADD COLUMN lot INTEGER NOT NULL DEFAULT 0;
UPDATE users SET lot = random();
CREATE INDEX users_by_lot ON users (lot);
CREATE INDEX users_without_scram_sha_256 ON users (id) WHERE enabled = 1 AND scram_sha_256 = '';
CREATE TABLE app_passwords (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL,      -- the account's name
    tag TEXT NOT NULL,       -- its first group, by which it is found
    label TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('send', 'read', 'all')),
    salt BLOB NOT NULL,
    digest BLOB NOT NULL,
    created INTEGER NOT NULL,             -- seconds since the epoch
    used INTEGER,                         -- the same, of the last use; not by the minute
    used_from TEXT NOT NULL DEFAULT '',   -- the client's address then
    UNIQUE (user, tag),
    UNIQUE (user, label)
) STRICT;
CREATE TABLE keys (
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys VALUES ('imitation', randomblob(32));
"""

_THIRD_TABLES = """
-- Accounts that may not send for now, and those that could not once (`freezing`).
CREATE TABLE freezes (
    user TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL DEFAULT '',
    since REAL,                           -- seconds since the epoch; NULL: it may send
    author TEXT NOT NULL DEFAULT 'automatic' CHECK (author IN ('automatic', 'operator')),
    worker INTEGER NOT NULL DEFAULT 0,    -- the number of the one that does what follows
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)),
    thaws INTEGER NOT NULL DEFAULT 0,     -- how often it was thawed
    warned REAL                           -- when the operator was warned last, without a freeze
) STRICT, WITHOUT ROWID;
"""

_FOURTH_TABLES = """
-- Of an account: what its mailbox may hold. NULL: as the configuration says; 0: no limit.
ALTER TABLE users ADD COLUMN quota_bytes INTEGER CHECK (quota_bytes >= 0);
ALTER TABLE users ADD COLUMN quota_messages INTEGER CHECK (quota_messages >= 0);
-- A domain is an alias of another, or relayed (recipients: any, verify, or a table), or local.
ALTER TABLE domains ADD COLUMN alias_of TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN recipients TEXT NOT NULL DEFAULT '';
CREATE INDEX domains_by_alias_of ON domains (alias_of) WHERE alias_of != '';
-- Aliases with more to say. The members are the rows of `aliases` with the same source; those with
-- the source of an account are its forwards.
CREATE TABLE groups (
    name TEXT NOT NULL PRIMARY KEY,
    domain TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',       -- an address as it was written
    senders TEXT NOT NULL DEFAULT 'everybody'
        CHECK (senders IN ('everybody', 'members', 'logged-in'))
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_by_domain ON groups (domain);
CREATE INDEX groups_closed ON groups (name) WHERE senders != 'everybody';
-- What accounts may send as besides: an address, or @domain, in the form names are compared in.
CREATE TABLE send_as (
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (user, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX send_as_by_address ON send_as (address);
-- Aliases by regular expression, in this order; one row for each target.
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY,
    pattern TEXT NOT NULL,                -- /…/ with its flags
    target TEXT NOT NULL,                 -- an address that may take up groups: \\1
    UNIQUE (pattern, target)
) STRICT;
"""

STEPS = (_FIRST_TABLES, _SECOND_TABLES, _THIRD_TABLES, _FOURTH_TABLES)
"""What makes version n + 1 of version n; the first makes tables in an empty file."""
