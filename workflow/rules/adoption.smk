"""Trajectories that were made elsewhere: no training, all that follows as of any run.

Needs the trajectory_file of a run, in the form of any of the published series, and the masks of its
corpus if that has a text or a mask file. Leaves in results/{run}/ a link to the file, its masks
(safetensors) and what is known of it (metadata.json). The file itself is read, and nothing else.
"""

for adoption in trainings.adoptions(plan.configuration):

    rule:
        name:
            adoption.name
        input:
            given=plan.given(inputs.adopted_file),
            metadata=plan.given(inputs.adopted_metadata),
            given_masks=plan.given(inputs.adopted_masks),
            masks=plan.input(inputs.masks_of_text),
        output:
            trajectory=adoption.trajectory,
            masks="results/{run}/masks.safetensors",
            metadata="results/{run}/metadata.json",
        log:
            "results/{run}/logs/adopt_trajectory.log",
        benchmark:
            "results/{run}/benchmarks/adopt_trajectory.tsv"
        wildcard_constraints:
            run=adoption.runs,
        conda:
            "../envs/analysis.yaml"
        resources:
            mem_mb=growing(1000),
            runtime=growing(60),
        params:
            settings=plan.settings(slices.adoption),
            code=plan.code("adoption/adopt_trajectory.py", "analysis"),
        shell:
            'python "$scripts"/adoption/adopt_trajectory.py --identity {params.identity}'
            " --log {log:q} --settings {params.settings:q}"
            " --given {input.given:q} --given-metadata {input.metadata:q}"
            " --masks {input.masks:q} {input.given_masks:q} --trajectory {output.trajectory:q}"
            " --own-masks {output.masks:q} --metadata {output.metadata:q}"
