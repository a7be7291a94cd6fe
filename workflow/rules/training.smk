"""From token ids and masks to a trajectory: one loop for every run.

Needs the tokens and masks of the run's corpus, and the checkpoint of another run if it begins from
one. Leaves in results/{run}/ the trajectory (safetensors or HDF5, a row per step), its metadata
(JSON) and the checkpoints that the run keeps. What is in the making lies beside them under hidden
names, and a killed run goes on from there.

Runs that leave the same files and train on the same kind of device share a rule.
"""

SUFFIX = {"safetensors": "safetensors", "hdf5": "h5"}
# Runs of one kind leave the same files and ask for the same device: they share a training rule.
Kind = namedtuple("Kind", "storage kept on_gpu checkpoints")
PLAIN = Kind("safetensors", kept=True, on_gpu=False, checkpoints=())
TrainingFiles = namedtuple("TrainingFiles", "name runs trajectory kept checkpoints gpu")


def trajectory_path(name, run):
    return f"results/{name}/trajectory.{SUFFIX[run['storage']]}"


def kind_of(run):
    steps = tuple(run["save_checkpoint_at"])
    return Kind(run["storage"], run["keep_trajectory"], run["device"] == "cuda", steps)


def _all_but(kinds, names):
    """A wildcard constraint for all runs of no other kind: unknown ones are told by their rule."""
    others = (name for kind in kinds.values() for name in kind if kind is not names)
    return f"(?!(?:corpora|{'|'.join(map(re.escape, others))})/)[^/]+"


def training_files():
    """The runs of each kind, and what they leave."""
    kinds = defaultdict(list)
    for name, run in RUNS.items():
        kinds[kind_of(run)].append(name)
    for kind, names in kinds.items():
        words = {"hdf5": kind.storage == "hdf5", "temporary": not kind.kept, "cuda": kind.on_gpu}
        of_kind = [word for word, holds in words.items() if holds]
        yield TrainingFiles(
            name="_".join(["train_run", *of_kind, *map(str, kind.checkpoints)]),
            runs=_all_but(kinds, names) if kind == PLAIN else "|".join(map(re.escape, names)),
            trajectory=trajectory_path("{run}", {"storage": kind.storage}),
            kept=kind.kept,
            checkpoints=[
                f"results/{{run}}/checkpoint_{step}.safetensors" for step in kind.checkpoints
            ],
            gpu=gpu_resources(RUNS[names[0]]),
        )


for files in training_files():

    rule:
        name:
            files.name
        input:
            tokens=of_its_corpus("tokens.safetensors"),
            masks=of_its_corpus("masks.safetensors"),
            checkpoint=checkpoint_to_begin_from,
        output:
            trajectory=files.trajectory if files.kept else temp(files.trajectory),
            metadata="results/{run}/metadata.json",
            checkpoints=files.checkpoints,
        log:
            "results/{run}/logs/train_run.log",
        benchmark:
            "results/{run}/benchmarks/train_run.tsv"
        wildcard_constraints:
            run=files.runs,
        conda:
            "../envs/training.yaml"
        threads: lambda wildcards: run_named(wildcards.run)["threads"]
        resources:
            **files.gpu,
            # Of the run, whatever `--cores`: its bits depend on the number of compute threads.
            cpus_per_task=lambda wildcards: run_named(wildcards.run)["threads"],
            # Not parameters, for they change no byte of the outputs.
            mem_mb=growing(2500),
            runtime=growing(240),
            checkpoint_seconds=lambda wildcards: run_named(wildcards.run)["checkpoint_seconds"],
            scratch=CLUSTER["scratch"] or "",
        params:
            settings=training_settings,
            code=code_of("train_run", "training"),
        shell:
            'python "$scripts"/train_run.py --identity {params.identity} --log {log:q}'
            " --settings {params.settings:q}"
            " --code {params.code} --tokens {input.tokens:q} --masks {input.masks:q}"
            " --from-checkpoint {input.checkpoint:q}"
            " --checkpoint-seconds {resources.checkpoint_seconds} --scratch {resources.scratch:q}"
            " --trajectory {output.trajectory:q} --metadata {output.metadata:q}"
            " --checkpoint {output.checkpoints:q}"
