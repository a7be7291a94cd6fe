"""Which waiting jobs of a Slurm cluster can never start."""

import pytest

from planning.unschedulable import never_starting

HERE = "/home/me/fimbulwinter"


@pytest.mark.parametrize(
    "reason",
    [
        "AccountNotAllowed",
        "InvalidAccount",
        "InvalidQOS",
        "PartitionTimeLimit",
        "PartitionNodeLimit",
        "AssocMaxWallDurationPerJobLimit",
        "QOSMaxMemoryPerJob",
        "Job's account not known, so it can't use this partition (physics allows physics)",
    ],
)
def test_reasons_that_no_wait_can_mend(reason):
    assert never_starting(f"17|{HERE}|{reason}\n", HERE) == {"17": reason}


@pytest.mark.parametrize(
    "reason",
    ["Resources", "Priority", "BeginTime", "Dependency", "None", "QOSMaxJobsPerUserLimit", ""],
)
def test_reasons_that_pass(reason):
    assert never_starting(f"17|{HERE}|{reason}\n", HERE) == {}


def test_jobs_of_other_folders_and_what_is_no_listing_are_left_alone():
    listing = "17|/home/me/other|InvalidAccount\nslurm_load_jobs error: timed out\n"
    assert never_starting(listing, HERE) == {}
