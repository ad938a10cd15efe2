"""The arguments of the command line, and which command each belongs to."""

import argparse
import dataclasses
import sys
from pathlib import PurePath
from typing import Any, NoReturn

from backend.cli import commands, keeping, listing, vectors
from backend.cli import finetune as finetune_command
from backend.cli import papers as papers_command
from backend.cli import report as report_command
from backend.errors import InvalidRequest
from backend.textsets.tables import FORMATS
from backend.values.reading import ROWS_BY, WORD_TASKS
from backend.values.recipes import RECIPES, Recipe
from backend.values.specs import ALL_POOLINGS, POOLINGS, POSTPROCESS_STEPS


class _Parser(argparse.ArgumentParser):
    """An argument parser that answers like the rest: one message, one hint."""

    def error(self, message: str) -> NoReturn:
        raise InvalidRequest(f"{message[0].upper()}{message[1:]}.", f"See: {self.prog} --help")


def _called() -> str:
    """What the user called: the installed command, or this package by Python."""
    return "embedscope" if PurePath(sys.argv[0]).stem == "embedscope" else "python -m backend"


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The parsed arguments; ``.command`` is the function to call with them."""
    parser = _Parser(prog=_called(), description="Embedscope: the geometry of transformer embeddings.")
    add = parser.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser
    _analyse(add("analyse", help="compute one metric and print or write its result"))
    run = add("run", help="run a recipe exported from a page or by analyse --out")
    run.add_argument("recipe", help="the JSON file")
    _output(run)
    run.set_defaults(command=commands.run_recipe)
    _finetune(add("finetune", help="fine-tune a model on labelled texts, or resume an interrupted run"))
    runs = add("runs", help="list the fine-tuning runs and their state; --rename and --delete change one")
    runs.add_argument(
        "--rename", nargs=2, metavar=("NAME", "NEW"), help="its name and the new one; the former still works"
    )
    runs.add_argument("--delete", metavar="NAME", help="its name; all its saved steps are deleted too")
    _listing(runs, finetune_command.list_runs)
    _report(add("report", help="compare a model before and after fine-tuning: a summary of its geometry"))
    _papers(add("papers", help="all figures and tables of the papers for given models, as a folder"))
    _listing(add("metrics", help="list the metrics and their parameters"), listing.list_metrics)
    models = add("models", help="look up a model: what its name stands for")
    models.add_argument("name", nargs="*", default=["minilm"], help="alias, hub id with optional @revision, or folder")
    _listing(models, listing.list_models)
    _vectors(add("vectors", help="vectors of your own: add a file of them, list those that are there, delete some"))
    text_sets = add("textsets", help="list the text sets; --delete removes one")
    text_sets.add_argument(
        "--delete",
        metavar="NAME",
        help="its digest (six digits are enough) or its name, if unique; its activations and results are deleted too",
    )
    _listing(text_sets, listing.list_text_sets)
    _listing(add("jobs", help="list the jobs and their state"), listing.list_jobs)
    norms = add("norms", help="outlier dimensions by the norms' weights and biases (Kovaleva et al.)")
    norms.add_argument("name", nargs="?", default="minilm", help="alias, hub id with optional @revision, or folder")
    _listing(norms, listing.list_norms)
    _cache(add("cache", help="show what the cache holds; --older-than, --down-to and --clear delete"))
    check = add("doctor", help="check this machine: versions, device, settings, disk, cache, damage, service, model")
    check.add_argument("--check", action="store_true", help="read every file of the cache and compare its checksum")
    _listing(check, keeping.doctor)
    healthy = add("healthy", help="exit code 0 if the dashboard and the service answer on this machine; for containers")
    healthy.set_defaults(command=listing.healthy)
    add("up", help="start the backend service and the dashboard").set_defaults(command=listing.up)
    add("serve", help="start the backend service alone").set_defaults(command=listing.serve)
    worker = add("worker", help="one worker process (started by the service)")
    worker.add_argument("kind")
    worker.set_defaults(command=listing.worker)
    return parser.parse_args(arguments)


def _analyse(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--metric", required=True, help=f"see: {_called()} metrics")
    add("--model", action="append", metavar="NAME", help="alias, hub id[@revision] or folder; repeat it for two models")
    add(
        "--series",
        metavar="NAME",
        help="a fine-tuning run, a folder of checkpoints, or owner/name@step*: one result per step",
    )
    add("--steps", type=_steps, default=(), metavar="N,N", help="with --series: only these steps")
    add(
        "--at-most",
        type=int,
        default=0,
        metavar="N",
        help="with --series: at most this many steps, spaced evenly over the log of the step",
    )
    add("--skip-broken", action="store_true", help="with --series: leave out checkpoints that cannot be used")
    add("--against", metavar="NAME", help="with --series: first, last, or a model that each step is compared with")
    _reading(parser)
    add("--basis-texts", metavar="NAME", help="a second text set (or file of the same format) to fit a basis on")
    add(
        "--beside",
        action="append",
        default=[],
        metavar="MODEL",
        help="a fine-tuned model to compare the result with; rows that it was trained on are not used for testing; repeatable",
    )
    add("--pooling", choices=ALL_POOLINGS, help="default: mean for encoders, last for decoders, words for words")
    add("--layers", default="all", help="all, or numbers and names separated by commas: 0,3,final norm")
    add(
        "--as-in-the-paper",
        action="store_true",
        help="pooling, layers, tokens and parameters as in the paper, unless you give others; notes say what differs",
    )
    add("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the metric; repeatable")
    add("--post", action="append", default=[], metavar="STEP[:K]", help=f"{', '.join(POSTPROCESS_STEPS)}; repeatable")
    add(
        "--max-length",
        type=int,
        help="tokens read of each text (default: the limit of the model's own package, else 512, or the model's limit if lower)",
    )
    _classes(parser)
    add("--tokens", type=int, help="with --pooling tokens: how many token vectors to sample (default: all)")
    add("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    add("--seed", type=int, default=0)
    _output(parser)
    parser.set_defaults(command=commands.analyse)


def _vectors(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser
    adding = add("add", help="save a file of vectors: .npy, .npz, .safetensors or .parquet")
    adding.add_argument("file", help="one matrix a layer (rows x dimensions), or layers x rows x dimensions")
    adding.add_argument(
        "--name", metavar="NAME", help="what they are called: vectors:NAME is then their model (default: the file's)"
    )
    adding.add_argument(
        "--texts", metavar="SET", help="the text set whose rows they are; a Parquet file may bring its own"
    )
    adding.add_argument(
        "--layers", metavar="NAME,NAME", help="arrays or columns that are layers, in order (default: all that can be)"
    )
    for name, what in (("text", "the texts"), ("label", "the labels"), ("split", "the splits")):
        adding.add_argument(
            f"--{name}", metavar="COLUMN", help=f"of a Parquet file without --texts: the column of {what}"
        )
    adding.add_argument("--quiet", action="store_true", help="do not report progress on standard error")
    _listing(adding, vectors.add_vectors)
    parts = add("sublayers", help="keep the parts of a model's blocks (attention, residual between, MLP) as vectors")
    parts.add_argument("--model", required=True, help="the model, named as elsewhere")
    parts.add_argument("--texts", required=True, metavar="SET", help="the text set")
    parts.add_argument("--pooling", choices=POOLINGS, default="mean")
    parts.add_argument("--name", metavar="NAME", help="what they are called: vectors:NAME is then their model")
    parts.add_argument("--quiet", action="store_true", help="do not report progress on standard error")
    _listing(parts, vectors.keep_sub_layers)
    _listing(add("list", help="list the imported vectors"), vectors.list_vectors)
    deleting = add("delete", help="delete imported vectors; results computed from them stay")
    deleting.add_argument("name", help="their name")
    deleting.set_defaults(command=vectors.delete_vectors)


def _cache(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--clear", action="store_true", help="delete all activations, results and uploads")
    add(
        "--older-than",
        type=keeping.age_of,
        metavar="AGE",
        help="delete activations, results and uploads not used for so long: 30d, 12h",
    )
    add(
        "--down-to",
        type=keeping.size_of,
        metavar="SIZE",
        help="delete those used least recently until the cache takes no more than this: 500M, 2G",
    )
    _listing(parser, keeping.show_cache)


def _classes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--classes",
        metavar="NAME,NAME",
        help="the labels' classes in the order of the outputs of the model's own head, if it does not name them",
    )


def _reading(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--texts", required=True, help="a file, or the name of a text set (sentiment, topics, general)")
    add("--test-texts", metavar="FILE", help="a second file of the same format: its rows are the test split")
    add("--text", help="column of the texts: its name, or its number from 0 with --no-header")
    add(
        "--joined",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column whose cells follow the text's in each text, after a line break; may be given several times",
    )
    add(
        "--ahead",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column whose cells come before the text's, such as a title; may be given several times",
    )
    add("--pair", help="column of the second text, for tasks on pairs")
    add("--label", help="column of the labels")
    add("--split", help="column of the splits")
    header = parser.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", help="the first row holds the column names (default: detected)"
    )
    header.add_argument(
        "--no-header", action="store_true", help="there are no column names: columns are numbered from 0"
    )
    add(
        "--separator",
        metavar="SIGN",
        help="comma, semicolon, tab, pipe, none, or the character itself (default: detected)",
    )
    add("--format", choices=FORMATS, help="default: by the file's name")
    add("--task", choices=WORD_TASKS, help="labels of the words of a CoNLL-U file (default: upos)")
    add("--encoding", help="default: detected")
    add("--rows", type=int, metavar="N", help="keep N rows of each text set; every result says which")
    add("--rows-by", choices=ROWS_BY, default="first", help="the first, in proportion to the label, or at random")
    add("--rows-seed", type=int, default=0, metavar="N", help="seed for drawing rows with --rows-by label or random")
    add("--clean-wikitext", action="store_true", help="drop headings and undo <unk>, @-@, @,@ and @.@ of WikiText")


def _finetune(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--name", required=True, help="what the run is called; its model is then run:NAME")
    add("--model", default="minilm", metavar="NAME", help="alias, hub id[@revision], folder or run:NAME")
    _reading(parser)
    add("--recipe", default="gptology", help=f"one of: {', '.join(RECIPES)}")
    for field in dataclasses.fields(Recipe):
        add(f"--{field.name.replace('_', '-')}", dest=f"recipe_{field.name}", metavar="VALUE", help=_of(field))
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of the recipe; repeatable")
    _output(parser)
    parser.set_defaults(command=finetune_command.finetune)


def _of(field: Any) -> str:
    return str(field.metadata["help"]).replace("%", "%%")


def _report(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--base", required=True, metavar="NAME", help="the model before: alias, hub id[@revision] or folder")
    add("--tuned", required=True, metavar="NAME", help="the same model after fine-tuning")
    _reading(parser)
    add("--slow", action="store_true", help="also compute the label metrics that take minutes")
    add("--layers", default="all", help="all, or numbers and names separated by commas: 0,3,final norm")
    add("--layer", help="the layer to summarise (default: the last)")
    add("--test-share", type=float, help="share of each class kept for testing, if the texts have no split")
    add("--test-split", help="name of the split to test on")
    add("--drop-single", action="store_true", default=None, help="leave out classes of one row")
    _classes(parser)
    add("--pooling", choices=ALL_POOLINGS, help="default: mean for encoders, last for decoders, words for words")
    add("--post", action="append", default=[], metavar="STEP[:K]", help=f"{', '.join(POSTPROCESS_STEPS)}; repeatable")
    add(
        "--max-length",
        type=int,
        help="tokens read of each text (default: the limit of the model's own package, else 512, or the model's limit if lower)",
    )
    add("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    add("--seed", type=int, default=0)
    _output(parser)
    parser.set_defaults(command=report_command.report)


def _papers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--models", nargs="+", required=True, metavar="NAME", help="aliases, hub ids[@revision], folders or run:NAME")
    _reading(parser)
    add("--general-texts", default="general", metavar="NAME", help="text set of the rows about general text")
    add("--series", metavar="NAME", help="checkpoints for the rows over steps: a run, a folder, or owner/name@step*")
    add("--at-most", type=int, default=12, metavar="N", help="at most this many steps of the series")
    add("--paper", action="append", default=[], metavar="NAME", help="only this paper's rows; repeatable")
    add(
        "--only",
        action="append",
        default=[],
        metavar="KEY",
        help="only this row, such as gptology-figure-1; repeatable",
    )
    add("--without-figures", action="store_true", help="write the numbers alone: no HTML, figures and tables")
    add("--seed", type=int, default=0)
    add("--out", required=True, metavar="FOLDER", help="a folder; started again with it, the command goes on")
    add("--quiet", action="store_true", help="say nothing on standard error")
    parser.set_defaults(command=papers_command.papers)


def _steps(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of steps such as 0,128,512")
    return tuple(int(part) for part in parts)


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", help="write the JSON here (default: print it)")
    parser.add_argument("--json", action="store_true", help="print the JSON even with --out")
    parser.add_argument("--quiet", action="store_true", help="do not report progress on standard error")


def _listing(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)
