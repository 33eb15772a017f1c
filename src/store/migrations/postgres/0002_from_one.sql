-- Entries are counted from 1: one before the first would be in nobody's chain.
alter table ledger add constraint ledger_seq_from_one check (seq > 0);
