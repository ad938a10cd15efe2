"""Doing an EstimateTask: what activations will cost, measured on a few texts."""

from backend.values.activations import Report
from backend.values.specs import GIVEN, POOLINGS
from backend.values.stored import bytes_of
from backend.values.tasks import EstimateTask
from backend.values.texts import Cost
from backend.work.checks import MOST_TASKS, check_input, within
from backend.work.costing import added, note_counted
from backend.work.filling import missing, require_rows
from backend.work.kinds import About, Answers, Hands
from backend.work.planning import planned
from backend.work.stacks import pass_of

_MEASURED_TEXTS = 16


def estimate(hands: Hands, task: EstimateTask, report: Report) -> Cost:
    """The cost of the activations that are missing, from a pass over a few texts of each text set."""
    from backend.models.extraction import measure

    total = Cost(0, 0, 0, 0, 0.0)
    todo = [spec for spec in missing(hands, task.inputs) if spec.pooling != GIVEN]  # imported vectors are there
    for spec in {pass_of(spec): spec for spec in todo}.values():
        table = hands.library.table(spec.texts)
        require_rows(table)
        report(0, 2, "Loading the model")
        loaded = hands.models.load(spec.model)
        report(1, 2, "Measuring a few texts")
        texts, plan = planned(loaded, table, spec)
        step = max(1, len(texts) // _MEASURED_TEXTS)
        sample = texts[::step][:_MEASURED_TEXTS]
        per_token = measure(loaded, sample, max_length=spec.max_length)
        n_layers, together = len(loaded.info.layer_names), spec.pooling in POOLINGS
        n_rows = n_layers * (len(POOLINGS) * len(table) if together else plan.n_rows(spec.pooling))
        n_run = len(plan.repeats.first)
        again = (
            f"; {len(texts) - n_run:,} texts have the tokens of another and are not run" if n_run < len(texts) else ""
        )
        one = Cost(
            n_run,
            plan.n_tokens,
            plan.n_truncated,
            n_rows * plan.n_words * loaded.info.n_dims * bytes_of(spec.stored),
            per_token * plan.n_tokens,
            f"measured on {len(sample)} texts on {loaded.device}{again}",
        )
        note_counted(hands.store, pass_of(spec), one)
        total = added(total, one)
    return total


def estimate_title(task: EstimateTask) -> str:
    """What the job is called."""
    return f"estimate the cost of {task.inputs[0].model.name} on {task.inputs[0].texts.name}"


def check_estimate(task: EstimateTask) -> None:
    """Raise InvalidRequest where there is nothing to estimate, or an input is none."""
    within("the number of inputs", len(task.inputs), 1, MOST_TASKS)
    for item in task.inputs:
        check_input(item)


def about_estimate(task: EstimateTask) -> About:
    """The text sets and activations whose cost is asked for."""
    return About(tuple((item.texts, None) for item in task.inputs), task.inputs)


def find_estimate(answers: Answers, task: EstimateTask) -> Cost | None:
    """No cost where everything is there; else the estimate, if there is one."""
    if answers.is_cached(task.inputs):
        return Cost(0, 0, 0, 0, 0.0, "all activations are in the cache")
    found: Cost | None = answers.noted(task)
    return found
