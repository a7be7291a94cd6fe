"""From token ids and masks to a trajectory: one loop for every run.

Needs the tokens and masks of the run's corpus, and the checkpoint of another run if it begins from
one. Leaves in results/{run}/ the trajectory (safetensors or HDF5, a row per step), its metadata
(JSON) and the checkpoints that the run keeps. What is in the making lies beside them under hidden
names, and a killed run resumes from there.

Runs that leave the same files and train on the same kind of device share a rule.
"""

for training in trainings.rules(plan.configuration):

    rule:
        name:
            training.name
        input:
            tokens=plan.input(inputs.of_its_corpus, "tokens.safetensors"),
            masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
            checkpoint=plan.input(inputs.checkpoint),
        output:
            trajectory=training.trajectory if training.kept else temp(training.trajectory),
            metadata="results/{run}/metadata.json",
            checkpoints=training.checkpoints,
        log:
            "results/{run}/logs/train_run.log",
        benchmark:
            "results/{run}/benchmarks/train_run.tsv"
        wildcard_constraints:
            run=training.runs,
        conda:
            "../envs/training.yaml"
        threads: plan.of_run("threads")
        resources:
            **training.gpu,
            # Of the run, whatever `--cores`: its bits depend on the number of compute threads.
            cpus_per_task=plan.of_run("threads"),
            # Not parameters, for they change no byte of the outputs.
            mem_mb=growing(2500),
            runtime=growing(240),
            checkpoint_seconds=plan.of_run("checkpoint_seconds"),
            scratch=plan.configuration["cluster"]["scratch"] or "",
        params:
            settings=plan.settings(slices.training),
            code=plan.code("training/train_run.py", "training"),
        shell:
            'python "$scripts"/training/train_run.py --identity {params.identity} --log {log:q}'
            " --settings {params.settings:q}"
            " --code {params.code} --tokens {input.tokens:q} --masks {input.masks:q}"
            " --from-checkpoint {input.checkpoint:q}"
            " --checkpoint-seconds {resources.checkpoint_seconds} --scratch {resources.scratch:q}"
            " --trajectory {output.trajectory:q} --metadata {output.metadata:q}"
            " --checkpoint {output.checkpoints:q}"
