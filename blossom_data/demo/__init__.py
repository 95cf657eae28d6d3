"""The offline demo: 60 real rows, and an endpoint on loopback that replays replies written for them.

script.jsonl holds good translations and worked answers, faults.jsonl what really goes wrong; NOTICE.md names the
origin and licence of every row. Nothing here is a model: a question that is not in the recording gets an error.
"""
