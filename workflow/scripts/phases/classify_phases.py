"""Sort every token's motion at every step into phases, on the element and on the vector scale.

    python workflow/scripts/phases/classify_phases.py \\
        --settings '{"phases": ["Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"],
                     "thresholds": [0.1, 10, 100], "vanishing_fraction": 0.01,
                     "motion_threshold": 0.1, "population": "dead", "density_bins":
                     {"time": 500, "displacement": 160, "lowest": 1e-4, "highest": 1e6}}' \\
        --displacement results/crucible2/displacement.safetensors \\
        --table phases.csv --summary phases.json --density phases_density.safetensors
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.phases import phases
from deadtokens.statistics import density

SCHEME = ("phases", "thresholds", "vanishing_fraction")
SETTINGS = (*SCHEME, "motion_threshold", "density_bins", "population")
CHUNK_BYTES = 8_000_000


def main(options):
    """A table of the steps, a summary of what happened when, the density of all traces."""
    settings = options.settings
    names, thresholds = tuple(settings["phases"]), tuple(settings["thresholds"])
    scheme = phases.Scheme(names, thresholds, settings["vanishing_fraction"])
    with TrajectoryReader(options.displacement) as file:
        file.expect(patterns("l2", "vector_ulp", "nonfinite"))
        steps, _ = file.fields["l2"][1]
        bins = density.Bins.over(steps, **settings["density_bins"])
        scales = {
            "element": phases.classify(file.chunks("l2", CHUNK_BYTES), scheme, bins),
            "vector": phases.classify(file.chunks("vector_ulp", CHUNK_BYTES), scheme, bins),
        }
        threshold = settings["motion_threshold"]
        moving = phases.count_moving(file.chunks("l2", CHUNK_BYTES), threshold)
        nonfinite = file.read("nonfinite")
    outputs = options.table, options.summary, options.density
    with command.finished(*outputs) as (table, summary, density_file):
        tables.write(table, phases.table(scales, scheme, moving, nonfinite))
        report = phases.summary(
            scales, scheme, moving, threshold, nonfinite, settings["population"]
        )
        command.write_json(summary, report)
        write_file(density_file, density.fields({s: t.density for s, t in scales.items()}, bins))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="what measure_displacement.py wrote"
    )
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what happened when")
    arguments.add_argument("--density", type=Path, required=True, help="of all traces")
    command.run(main, arguments)
