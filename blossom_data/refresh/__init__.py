"""What keeps a data set fresh, at night and with nobody watching: run, gates, mixes, publish, in one go.

    flow.py       the steps of a refresh, and its result whatever happens
    gates.py      what a new version must come up to
    products.py   the mixes and the version that a pipeline file asks for
    unchanged.py  whether there is anything to do at all
    runs.py       the folder of each run: log.jsonl, result.json, rotation
    notify.py     who hears of it

Nothing here knows flags or terminals; the job itself is executors/local.py's.
"""
