"""What a workflow is and has where another Snakefile imports it."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError
from snakemake.shell import shell
from snakemake.sourcecache import GenericSourceFile, LocalGitFile, LocalSourceFile

from planning import identity, imported, sources, standing
from planning.mistakes import ConfigurationError


@pytest.fixture
def repository(tmp_path):
    """Two commits: `one`, and the branch's end, in which a file has changed."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    root = tmp_path / "repository"
    (root / "inner/workflow/rules").mkdir(parents=True)
    file = root / "inner/workflow/rules/given.smk"

    def git(*words):
        author = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", *author, *words], cwd=root, check=True)

    git("init", "-q", "-b", "main")
    for content in ("one", "two"):
        file.write_text(content)
        git("add", "-A")
        git("commit", "-qm", content)
        git("tag", content)
    return root


def test_sources_in_a_folder_stay_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sources.root(LocalSourceFile("w/workflow/rules")) == str(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ref", "content"), [("one", "one"), ("main", "two")])
def test_a_commit_is_unpacked_once(repository, tmp_path, ref, content):
    place = LocalGitFile(str(repository), "inner/workflow/rules", ref=ref)
    for _ in range(2):
        root = sources.root(place, tmp_path / "unpacked")
        file = tmp_path / root / "workflow/rules/given.smk"
        assert file.read_text() == content
        file.chmod(0o444)
        file.parent.chmod(0o555)  # nobody writes there again
    assert [path.name[0] == "." for path in (tmp_path / "unpacked").iterdir()] == [False]
    file.parent.chmod(0o755)


def test_two_processes_may_unpack_at_once(repository, tmp_path, monkeypatch):
    place = LocalGitFile(str(repository), "inner/workflow/rules", ref="one")
    unpacked, first = tmp_path / "unpacked", []
    folder = sources.tempfile.mkdtemp

    def after_another_process(**where):
        monkeypatch.undo()
        first.append(sources.root(place, unpacked))
        return folder(**where)

    monkeypatch.setattr(sources.tempfile, "mkdtemp", after_another_process)
    assert [sources.root(place, unpacked)] == first
    assert len(list(unpacked.iterdir())) == 1


def test_an_address_is_refused_with_what_to_write():
    with pytest.raises(WorkflowError, match=r"brings no programs.*github\("):
        sources.root(GenericSourceFile("https://localhost/workflow/rules"))


def test_what_is_given_lies_on_top_and_stays_as_it_is(tmp_path):
    (tmp_path / "own.yaml").write_text("runs: {a: {steps: 1, seed: 2}}\nreport: {runs: [a]}")
    given = {"runs": {"a": {"steps": 3}, "b": {}}}
    laid = imported.laid_over([tmp_path / "own.yaml"], given)
    assert laid == {
        "runs": {"a": {"steps": 3, "seed": 2}, "b": {}},
        "report": {"runs": ["a"]},
    }
    laid["runs"]["b"]["seed"] = 4
    assert given == {"runs": {"a": {"steps": 3}, "b": {}}}


def test_a_config_that_is_no_mapping_is_refused():
    with pytest.raises(ConfigurationError, match=r"`config:` of the module is 'config\.yaml'"):
        imported.laid_over([], "config.yaml")


def workflow(of_the_call: dict, given: dict | None) -> SimpleNamespace:
    main = SimpleNamespace(globals={"config": of_the_call})
    return SimpleNamespace(
        modifier_stack=[main], modifier=SimpleNamespace(skip_configfile=given is not None)
    )


def test_the_command_line_speaks_to_who_has_the_whole_configuration():
    whole, section = {"runs": {}}, {"runs": {}}
    assert imported.reads_command_line(workflow(whole, None), {})
    assert imported.reads_command_line(workflow(whole, whole), whole)
    assert not imported.reads_command_line(workflow(whole, section), section)


def test_a_shell_of_our_own_leaves_the_other_one(tmp_path):
    before = shell._process_prefix
    own = imported.own_shell(shell, "of=ours; path=${{of:+$of}}; ")
    assert list(own("echo $path", iterable=True)) == ["ours"]
    assert list(shell("echo ${{of-theirs}}", iterable=True)) == ["theirs"]
    assert shell._process_prefix == before


def rule(name: str, command: str | None, *outputs: str) -> SimpleNamespace:
    made = [SimpleNamespace(match=lambda path, output=output: path == output) for output in outputs]
    return SimpleNamespace(name=name, shellcmd=command, output=made)


def test_a_file_is_made_by_a_rule_of_ours_rather_than_by_another(tmp_path):
    ours = rule("ours", "program --identity {params.identity}", "a")
    rules = [rule("script", None, "a"), rule("theirs", "touch {output}", "a", "b"), ours]
    identities = identity.Identities(rules, tmp_path / "memory.json")
    assert identities.producer("a") is ours
    assert identities.producer("b").name == "theirs"
    assert identities.producer("c") is None
    assert [identity.is_made_elsewhere(rules, name) for name in "abc"] == [True, True, False]


def test_a_rule_that_cannot_be_asked_has_the_content_of_its_file(tmp_path):
    """Functions of others may raise anything, and may ask for themselves."""

    def fails(path):
        raise KeyError(path)

    path = tmp_path / "b"
    theirs = rule("theirs", "touch {output}", str(path))
    theirs.get_wildcards = fails
    identities = identity.Identities([theirs], tmp_path / "memory.json")
    not_there = identities.of_file(str(path))
    assert not_there == identities.of_file(str(path))
    path.write_text("there")
    assert identities.of_file(str(path)) == identity.FileDigests(tmp_path / "m.json").of(path)


def test_a_rule_carries_its_identity_once_and_others_carry_none(tmp_path):
    ours, theirs = rule("ours", "program {params.identity}"), rule("theirs", "touch {output}")
    given = []
    for one in (ours, theirs):
        one.params = {}
        one.set_params = lambda one=one, **values: (given.append(one), one.params.update(values))
    identities = identity.Identities([ours, theirs], tmp_path / "memory.json")
    identities.carry()
    identities.carry()
    assert given == [ours]


def test_a_plan_is_looked_at_once_however_often_the_workflow_is_imported():
    class Workflow:
        is_main_process = False

        def _build_dag(self):
            built.append(self)

    built, carried = [], []
    workflow, identities = Workflow(), SimpleNamespace(carry=lambda: carried.append(1))
    for _ in range(3):
        standing.looked_after(workflow, identities, print, {})
    workflow._build_dag()
    assert (built, carried) == ([workflow], [1])
