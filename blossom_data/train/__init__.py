"""Fine-tuning: from published records to weights.

    records -> pack.py -> a packed set (ids.bin, loss masks, rows, manifest.json) -> the training loop -> checkpoints

The data side needs numpy and tokenizers only:

    chat_formats.py      what a chat looks like in each model family: header | content | turn end, as text
    tokens.py     a tokenizer in two views: for the template's own text, and for data, which never makes a special token
    encode.py     a chat as ids and loss mask, piece by piece; the prompt that inference sends
    templates.py  a template by its name, bound to a tokenizer
    from_jinja.py        a model's own chat template, taken apart into pieces
    to_jinja.py      a template as the chat_template text that servers take
    gates.py      what a template must pass before anything is trained
    bin_packing.py       documents into rows, all at once and none of them cut
    store.py      the packed set on disk: PackedSet and its writer
    preview.py    what the model will see, with the supervised parts marked

Nothing here makes, filters or translates records.
"""
