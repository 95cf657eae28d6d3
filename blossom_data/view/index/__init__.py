"""The index of a data set: a folder beside it that answers which rows are meant, and gives any of them at once.

    .math.view-index/
        text.zst       the rows as JSON lines, in order, in zstd frames of about 256 KB
        blocks.u64     for each frame: its offset in text.zst, and the number of its first row
        combos.u32     for each row: which combination of facet values it has
        ids.u64        for each kept row: a hash of its id, and its row number, in the order of the hashes
        hashes.u64     for each row: a hash of its messages
        meta.json      the combinations with their counts, and by what the set is known again; written last

facets.py says what of a row is counted, writing.py builds, reading.py answers, searching.py looks for a text,
opening.py knows where an index lies and whether it is still that of the set; differences.py compares two.
"""
