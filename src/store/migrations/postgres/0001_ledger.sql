-- What happened, in order. All that stands is folded from it.
create table ledger (
    seq bigint primary key,                -- 1, 2, 3, … without gaps
    at bigint not null,                    -- microseconds since the Unix epoch
    kind text not null,
    once text,                             -- what may happen once only: one verdict, one answer, one end
    body text not null check (body::json is not null),
    hash bytea not null check (length(hash) = 32)
);

create unique index ledger_once on ledger (once) where once is not null;

-- `ledger show --kind` and the like.
create index ledger_by_kind on ledger (kind, seq);

create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only';
end $$;

create trigger ledger_is_never_changed before update or delete on ledger
    for each row execute function ledger_is_append_only();

create trigger ledger_is_never_emptied before truncate on ledger
    for each statement execute function ledger_is_append_only();

-- Who may write to which registry, in the database's own time.
create table lease (
    name text primary key,
    holder uuid not null,
    generation bigint not null,            -- grows whenever the lease passes on
    until timestamptz not null,            -- how long the holder may begin to write, less the write's own time
    free_at timestamptz not null           -- when somebody else may take it
);

-- Messages that wait for their channels, as the ledger tells; a replica takes one for a while to deliver it.
create table outbox (
    alert uuid not null,
    channel text not null,
    taken_until timestamptz not null default '-infinity',
    primary key (alert, channel)
);
