-- What happened, in order. The only table: all else is folded from it.
create table ledger (
    seq integer primary key,               -- 1, 2, 3, … without gaps
    at integer not null,                   -- microseconds since the Unix epoch
    kind text not null,
    once text unique,                      -- what may happen once only: one verdict, one answer, one end
    body text not null check (json_valid(body)),
    hash blob not null check (length(hash) = 32)
) strict;

-- `ledger show --kind` and the like.
create index ledger_by_kind on ledger (kind, seq);

create trigger ledger_is_never_changed before update on ledger begin
    select raise(abort, 'the ledger is append-only');
end;

create trigger ledger_is_never_shortened before delete on ledger begin
    select raise(abort, 'the ledger is append-only');
end;
