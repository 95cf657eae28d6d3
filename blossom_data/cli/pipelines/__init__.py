"""Commands about pipeline files: pipelines/run.py is `blossom-data run`; job.py makes what they run."""
