-- `insert or replace` removes what is in its way without a word to the triggers on delete. Each entry goes behind the
-- last one, and nowhere else.
create trigger ledger_is_never_replaced before insert on ledger
when new.seq is not (select coalesce(max(seq), 0) + 1 from ledger)
    or new.once is not null and exists (select 1 from ledger where once = new.once)
begin
    select raise(abort, 'the ledger is append-only');
end;
