"""Commands that send records through one stage each: model_stages/translate.py is `blossom-data translate`."""
