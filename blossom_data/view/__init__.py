"""A browser over data sets of millions of records, and a chat, in a page that is served on this machine alone.

    index/       what is built once beside a set, so that any row, filter and search is found without loading the set
    record/      one record as people read it: turns, marked spans, differences, attempts out of the ledger
    chat/        who answers: an endpoint or a model folder, piece by piece
    server/      the application, what guards it, and its pages;   templates/ static/ texts/    what it shows

It writes nothing but a set's review file (review/) and the index.
"""
