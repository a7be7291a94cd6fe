"""Put the phase of every token at every step into one table, tokens sorted by when they freeze.

    python workflow/scripts/phases/compute_lifecycle.py \\
        --settings '{"phases": ["Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"],
                     "thresholds": [0.1, 10, 100], "motion_threshold": 0.1, "time_bins": 500,
                     "population": "dead"}' \\
        --displacement results/crucible2/displacement.safetensors \\
        --table lifecycle.safetensors --summary lifecycle.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.freezing import freezing
from deadtokens.phases import lifecycle, phases
from deadtokens.statistics import density

SETTINGS = ("phases", "thresholds", "motion_threshold", "time_bins", "population")
FIELDS = {"element": "l2", "vector": "vector_ulp"}
CHUNK_BYTES = 8_000_000


def main(options):
    """The hottest phase of each token in each bin of time, on both scales."""
    settings = options.settings
    names, thresholds = tuple(settings["phases"]), tuple(settings["thresholds"])
    scheme = phases.Scheme(names, thresholds, vanishing_fraction=0)  # no phase is judged here
    with TrajectoryReader(options.displacement) as file:
        file.expect(patterns(*FIELDS.values(), "token_ids"))
        steps, n_tokens = file.fields["l2"][1]
        # Of the density's bins those of time alone.
        bins = density.Bins.over(steps, settings["time_bins"], 1, lowest=1, highest=2)
        edges = bins.step_edges
        by_scale = {
            scale: lifecycle.hottest_phase(file.chunks(field, CHUNK_BYTES), scheme, edges)
            for scale, field in FIELDS.items()
        }
        last = freezing.last_motion(file.chunks("l2", CHUNK_BYTES), settings["motion_threshold"])
        ids = file.read("token_ids")
    with command.finished(options.table, options.summary) as (table, summary):
        write_file(table, lifecycle.fields(by_scale, last, edges, ids))
        report = lifecycle.summary(scheme, steps, edges, n_tokens, settings["population"])
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="what measure_displacement.py wrote"
    )
    arguments.add_argument("--table", type=Path, required=True, help="safetensors: the phases")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what they mean")
    command.run(main, arguments)
