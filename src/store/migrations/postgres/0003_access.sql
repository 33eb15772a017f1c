-- People who are signed in. Nothing of the ledger rests on it: without it they sign in again.
create table session (
    id text primary key,
    secret bytea not null unique check (length(secret) = 32),  -- SHA-256 of the cookie
    issuer text not null,
    subject text not null,
    person text not null check (person::json is not null),
    begun bigint not null,                 -- microseconds since the Unix epoch, as all times here
    seen bigint not null,
    ends bigint not null
);

create index session_by_person on session (issuer, subject, begun);

-- What programs show to the API.
create table api_token (
    id text primary key,
    name text not null unique,
    secret bytea not null unique check (length(secret) = 32),  -- SHA-256 of the token
    scopes text not null,                  -- `read answer operate`
    created bigint not null,
    created_by text not null,
    ends bigint,
    used bigint
);
