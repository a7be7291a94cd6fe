"""From token ids and masks to a trajectory: one loop for every run.

Needs the tokens and masks of the run's corpus, and the checkpoint of another run if it begins from
one. Leaves in results/{run}/ the trajectory (safetensors or HDF5, a row per step), its metadata
(JSON) and the checkpoints that the run keeps. What is in the making lies beside them under hidden
names, and a killed run goes on from there.

Runs that leave the same files and train on the same kind of device share a rule.
"""

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
            'python "$scripts"/train_run.py --settings {params.settings:q} --log {log:q}'
            " --code {params.code} --tokens {input.tokens:q} --masks {input.masks:q}"
            " --from-checkpoint {input.checkpoint:q}"
            " --checkpoint-seconds {resources.checkpoint_seconds} --scratch {resources.scratch:q}"
            " --trajectory {output.trajectory:q} --metadata {output.metadata:q}"
            " --checkpoint {output.checkpoints:q}"
