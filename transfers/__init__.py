"""Transfers: what leaves the council, who agreed to it, and how it ends.

A submission is one journey out, in this order:

    submission     a cohort becomes two files, put forward by the person who prepared them
    approval       a second person agrees that this very content may leave
    sealing        the content is written once, straight into envelopes that only their recipients can open
    delivery       the envelopes travel, and every attempt is known before it is made
    receipt        the recipient says what was loaded and what was not; nothing else ever comes back
    withdrawal     a late objection follows what was sent
    destruction    every copy ends, and a signed certificate of it stays

Sealing rests on three plain modules that know no Django: `keys` (whose certificates), `envelope` (bytes in, sealed
bytes out) and `package` (what lies inside an envelope). Which fields may leave at all is said in `rules.extract`.
"""
