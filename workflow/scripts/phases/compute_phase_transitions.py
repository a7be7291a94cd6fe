"""Measure motion on the vector scale as the Thimble 7 notebook does: mean, spread, phases, traces.

    python workflow/scripts/phases/compute_phase_transitions.py \\
        --settings '{"phases": ["Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"],
                     "thresholds": [0.1, 10, 100], "population": "dead",
                     "density_bins": {"time": 500, "displacement": 160}}' \\
        --displacement results/thimble7/displacement.safetensors \\
        --table phase_transitions.csv --summary phase_transitions.json \\
        --density phase_transitions_density.safetensors
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.phases import phase_transitions as transitions
from deadtokens.phases import phases
from deadtokens.statistics import density

SETTINGS = ("phases", "thresholds", "population", "density_bins")
CHUNK_BYTES = 8_000_000


def main(options):
    """Two passes: what happens at each step, then what needs the range of all steps."""
    settings = options.settings
    names, thresholds = tuple(settings["phases"]), tuple(settings["thresholds"])
    scheme = phases.Scheme(names, thresholds, vanishing_fraction=0)  # no phase is judged here
    with TrajectoryReader(options.displacement) as file:
        file.expect(patterns("vector_ulp", "dw_l2"))
        measured = transitions.measure(motions(file), scheme)
        middle = transitions.median(motions(file), measured.high_halves)
        bins = transitions.bins(measured, **settings["density_bins"])
        traces = transitions.traces(motions(file), bins)
    outputs = options.table, options.summary, options.density
    with command.finished(*outputs) as (table, summary, density_file):
        tables.write(table, transitions.table(measured, scheme))
        report = transitions.summary(measured, scheme, middle, settings["population"])
        command.write_json(summary, report)
        write_file(density_file, density.fields({"vector": traces}, bins))


def motions(file):
    pairs = (file.chunks(name, CHUNK_BYTES) for name in ("vector_ulp", "dw_l2"))
    for (start, vector_ulp), (_, dw_l2) in zip(*pairs, strict=True):
        yield start, transitions.clamped(vector_ulp, dw_l2)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("displacement", "table", "summary", "density"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
