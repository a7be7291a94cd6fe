"""What all rules share: the plan, which knows the configuration, and constraints of wildcards.

Every rule has two parameters of it: `settings`, its own slice of the configuration, and `code`, a
digest of its program, of all library modules that this imports, and of the declared environment.
"""

import functools
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from planning import codedigest, configuration, corpora, figures, findings, identity, inputs
from planning import renamed, slices, trainings
from planning.mistakes import ConfigurationError
from planning.plan import Plan, options, shell_prefix
from planning.report import chapter, evidence, page_parts, pages_of_tokens, report_figures
from planning.resources import growing, memory_of_census, memory_to_compare, memory_to_read
from planning.schema import load as load_schema

SCRIPTS = os.path.relpath(f"{ROOT}/workflow/scripts")
PUBLISHED = f"{ROOT}/workflow/report/published.json"
FINDINGS = f"{ROOT}/workflow/report/findings.md.jinja"
PARTS = Path(ROOT, "workflow/report")

try:
    if imported.is_given_configuration(workflow):
        config = imported.laid_over(OWN_CONFIGURATION, config)
    update_config(config, TYPED_CONFIG)
    plan = Plan(
        configuration.resolve(
            config,
            load_schema(Path(ROOT, "workflow/schemas/config.schema.yaml")),
            shipped=imported.laid_over(OWN_CONFIGURATION[1:], {})["verdicts"]["questions"],
        ),
        codedigest.Remembered(
            memory=Path(".snakemake/code_digests.json"),
            scripts=Path(SCRIPTS),
            environments=Path(ROOT, "workflow/envs"),
        ),
        is_made=functools.partial(identity.is_made_elsewhere, workflow.rules),
    )
except ConfigurationError as error:
    hint = f"\n{imported.HINT}" if imported.is_given_configuration(workflow) else ""
    raise WorkflowError(f"Wrong configuration.\n{error}{hint}") from None

# The opening and the captions of the report read it; this way they find every key, defaults too.
config = {**plan.configuration, "pages_of_tokens": pages_of_tokens(plan.configuration)}

shell = imported.own_shell(
    shell,
    shell_prefix(
        scripts=SCRIPTS,
        python=None if workflow.deployment_settings.deployment_method else sys.executable,
        in_bucket=bool(workflow.storage_settings.default_storage_provider),
        verify_files=plan.configuration["verify_files"],
    ),
)


wildcard_constraints:
    run="(?!corpora/)[^/]+",
    sweep="(?!corpora/)[^/]+",
    kick="(?!corpora/)[^/]+",
    onset="(?!corpora/)[^/]+",
    forecast="(?!corpora/)[^/]+",
    black_holes="(?!corpora/)[^/]+",
    census="[^/]+",
    corpus="[^/]+",
    population="|".join(inputs.POPULATIONS),
    format="png|svg|pdf",
