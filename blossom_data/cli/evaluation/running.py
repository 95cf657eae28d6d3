"""What `evaluate SUITE...` does: the job of an evaluation, and the scores that are made of its answers."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from blossom_data.cli import output
from blossom_data.cli.evaluation.checkpoint import plan_checkpoint
from blossom_data.cli.flags.batch import build_batch
from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking, build_endpoint
from blossom_data.cli.flags.engine import EngineEndpoint, plan_engine
from blossom_data.cli.flags.evaluating import JudgeFlags, Tested, build_judge
from blossom_data.cli.flags.judge_file import with_judge_file
from blossom_data.cli.jobs import finish, refuse, run_shown, telling_other_ledger, terms_of, told_gate
from blossom_data.counters import Counters
from blossom_data.errors import ConfigError
from blossom_data.evaluate.difference import read_scores
from blossom_data.evaluate.report import tables_of, told, write_scores
from blossom_data.evaluate.results import (
    ANSWERS,
    pair_scores,
    questions_in,
    remarks,
    rivals_of,
    scores_of,
    write_judgements,
)
from blossom_data.evaluate.suites import Chosen, parse_suites
from blossom_data.evaluate.work import JUDGING, Manner, Planned, plan_work
from blossom_data.executors.job import Job
from blossom_data.ledger.opening import open_snapshot
from blossom_data.ledger.place import find_ledger
from blossom_data.llm.engines.replicas import spread
from blossom_data.outputs.replacing import Replacement


def evaluate(given: list[str], tested: Tested, judging: JudgeFlags, asking: Asking, common: CommonOfLong) -> int:
    """Answers, judges and scores; gives the exit code."""
    if tested.out is None:
        raise ConfigError("no output folder is named", hint="give -o FOLDER")
    chosen, judging = parse_suites(given, tested.bench_dir), with_judge_file(judging)
    job, planned, model = _job(chosen, tested, judging, asking, common)
    if asking.endpoint.dry_run:
        return finish(job, common, is_dry_run=True)
    summary = run_shown(telling_other_ledger(job, common), common)
    scores = _scores(tested, judging, chosen, planned, job, model)
    scores["run"] = {key: summary["run"][key] for key in ("calls", "replayed", "taken_over", "cost_usd", "spent_usd")}
    if common.is_json:
        output.json_result({**scores, "out": str(tested.out)})
    elif not common.is_quiet:
        output.result(told(tables_of(scores), scores["remarks"]))
        output.say(f"{tested.out}: scores.md, scores.html, scores.json, judgements/, answers/")
    return told_gate(summary)


def _job(
    chosen: list[Chosen], tested: Tested, judging: JudgeFlags, asking: Asking, common: CommonOfLong
) -> tuple[Job, Planned, str]:
    """The job that answers and judges, what it was planned from, and the name of the model."""
    assert tested.out is not None
    answers, flags = tested.out / ANSWERS, asking.endpoint
    ledger = flags.ledger or find_ledger(answers)
    batch = build_batch(asking.batches, is_quiet=common.is_quiet)
    local: EngineEndpoint | None
    if tested.checkpoint is not None:
        local = plan_checkpoint(tested.checkpoint, asking, ledger=ledger, is_batched=batch is not None)
    else:
        local = plan_engine(
            asking.engine, model=flags.model, base_url=flags.base_url, ledger=ledger, is_batched=batch is not None
        )
    endpoint = build_endpoint(flags, local)
    judge = build_judge(judging, endpoint, JUDGING, structured=flags.structured, is_local=local is not None)
    rivals = rivals_of(judging.against) if judging.against is not None else None
    manner = Manner(
        temperature=tested.temperature,
        max_tokens=tested.max_tokens,
        judge_prompt=judging.judge_prompt,
        rivals=rivals,
    )
    planned = plan_work(chosen, manner, has_judge=judge is not None)
    if judging.against is not None and "compare" not in planned.stages:
        raise ConfigError("--against compares what is judged, and no suite here is", hint="name mt-bench, or a file")
    replacement = Replacement(
        out=answers,
        command=f"evaluate {endpoint.model}" + (f" --against {judging.against}" if judging.against else ""),
        inputs=tuple(each.suite.name for each in chosen),
        is_allowed=tested.replace.is_replacing,
    )
    refuse(replacement, is_dry_run=flags.dry_run)
    endpoints = spread(endpoint, local.serving if local else None)
    if judge is not None and _is_judged(planned):
        endpoints = (*endpoints, judge)
    job = Job(
        label="evaluate",
        work=planned.work,
        stages=planned.stages,
        out=answers,
        replacement=replacement,
        endpoints=endpoints,
        serving=local.serving if local else None,
        ledger=ledger,
        about={"suites": planned.counts, "prompts": planned.prompts},
        counters=Counters(records_total=len(planned.work)),
        batch=batch,
        **terms_of(asking, is_batched=batch is not None),
    )
    return job, planned, endpoint.model


def _is_judged(planned: Planned) -> bool:
    return any(stage in planned.stages for stage in JUDGING)


def _scores(
    tested: Tested, judging: JudgeFlags, chosen: list[Chosen], planned: Planned, job: Job, model: str
) -> dict[str, Any]:
    """Reads the answers, writes verdicts and scores, and gives the scores."""
    assert tested.out is not None and job.ledger is not None
    rival = str(read_scores(judging.against)["model"]) if judging.against is not None else ""
    with closing(open_snapshot(job.ledger)) as ledger:
        paths = write_judgements(tested.out, model, ledger.get, rival=rival)
    suites, told = {}, []
    for each in chosen:
        name = each.suite.name
        if (path := paths.get(name)) is None:
            told.append(f"{name}: no question was answered")
            continue
        suites[name] = pair_scores(path) if path.stem.endswith(".pairs") else scores_of(name, path)
        if missing := planned.counts[name] - questions_in(path):
            told.append(f"{name}: {missing} of {planned.counts[name]} questions have no answer yet: not in the score")
        if each.limit:
            told.append(f"{name}: the first {planned.counts[name]} questions alone")
    judge = next((endpoint.model for endpoint in job.endpoints if endpoint.roles), "")
    told += remarks(tested.out, model, judge)
    contamination = {}
    if tested.trained_on is not None:
        from blossom_data.evaluate.contamination import look_up

        for each in chosen:
            test_set = each.suite.test_set or str(each.place)
            contamination[each.suite.name] = look_up(tested.trained_on, test_set, each.place)
        told += [found["told"] for found in contamination.values()]
    elif any(each.suite.test_set for each in chosen):
        told.append("whether the training set holds these questions was not looked at: --trained-on SET does")
    scores = {"model": model, "judge": judge or None, "against": rival or None, "suites": suites, "remarks": told}
    scores["contamination"] = contamination
    write_scores(tested.out, scores)
    return scores
