"""The acceptance checks of bulk work, by number, and the tests that hold each of them.

| check | passes when |
| --- | --- |
| 1 | every row is sent once, and a second run sends nothing |
| 2 | killed at random points and resumed, no text is paid for twice, and every row is accounted for |
| 3 | the same with failures of the server |
| 4 | at AI/ML API its log decides what it can |
| 5 | on Ray, nothing is asked for after the driver's death |
| 6 | documented limits hold for all workers together |
| 7 | a limit that nobody documents is found and kept |
| 8 | a cap holds: always where prices are computable, else but for a window |
| 9 | the bill lies within the estimate, at five providers |
| 10 | bad rows are exactly those that fail, and only they are sent again |
| 11 | a changed prompt makes new rows, a changed order does not |
| 12 | a second job on a living one is refused |
| 13 | batches are collected by another process, and a lost order is not ordered twice |
| 14 | memory does not grow with the rows |
| 15 | the output keeps the order of the input |
| 16 | chains, embeddings and pipelines pay once |
| 17 | no byte of a key is in the folder, and none travels |
| 18 | the same rows here and on Ray |

Ray's run where Ray is installed. The large ones run with `MULTIAPI_LARGE=1`; their figures are in docs/guides/bulk.md.
"""

from __future__ import annotations

import re
from importlib import import_module

import pytest

CHECKS: dict[int, tuple[str, ...]] = {
    1: ("test_job.test_each_row_is_sent_once_and_a_second_run_sends_nothing", "test_large.test_many_rows_once"),
    2: ("test_kill.test_no_text_is_paid_for_twice_however_often_the_job_is_killed",),
    3: (
        "test_kill.test_no_text_is_paid_for_twice_however_often_the_job_is_killed",
        "test_acceptance.test_a_share_of_failures_makes_nothing_be_paid_for_twice",
        "test_media_tasks.test_no_failure_makes_a_row_be_paid_for_twice",
    ),
    4: (
        "test_reconcile.test_the_log_decides_what_it_can",
        "test_reconcile.test_a_charged_answer_that_was_lost_is_booked_from_the_simulators_log",
    ),
    5: (
        "test_ray.test_nothing_is_asked_for_after_the_drivers_death",
        "test_ray.test_the_rows_of_workers_that_die_are_neither_lost_nor_paid_for_twice",
        "test_ray.test_workers_driver_and_owner_are_killed_in_one_job",
    ),
    6: (
        "test_acceptance.test_the_documented_calls_at_once_are_kept",
        "test_wrapped_processes.test_processes_share_one_limit_budget_and_ledger",
        "test_ray.test_all_workers_keep_one_documented_limit",
    ),
    7: ("test_acceptance.test_a_limit_that_nobody_documents_is_found_and_kept",),
    8: (
        "test_acceptance.test_a_computed_cap_is_never_passed_and_a_higher_one_goes_on",
        "test_acceptance.test_a_measured_cap_is_passed_by_no_more_than_the_window",
        "test_wallet.test_a_cap_is_passed_by_no_more_than_the_window",
        "test_ray.test_a_cap_holds_for_two_workers",
        "test_job.test_a_budget_stops_and_a_higher_one_goes_on",
    ),
    9: ("test_acceptance.test_the_bill_lies_within_the_estimate",),
    10: (
        "test_acceptance.test_bad_rows_among_good_ones_are_exactly_those_that_fail",
        "test_job.test_bad_rows_are_rows_with_an_error_and_stop_nothing",
        "test_job.test_a_refused_text_is_found_among_many",
    ),
    11: ("test_job.test_changed_prompts_and_new_rows_are_sent_and_a_changed_order_is_not",),
    12: ("test_kill.test_a_second_job_on_a_living_one_is_refused",),
    13: (
        "test_vendor_batches.test_another_process_collects_what_was_ordered",
        "test_vendor_batches.test_an_order_whose_answer_is_lost_is_unknown_as_a_whole_and_not_ordered_twice",
    ),
    14: ("test_large.test_memory_does_not_grow_with_the_rows", "test_large.test_memory_does_not_grow_with_vectors"),
    15: (
        "test_acceptance.test_the_output_keeps_the_order_of_the_input_whatever_comes_first",
        "test_large.test_many_rows_once",
    ),
    16: (
        "test_adapters.test_embeddings_of_langchain_are_paid_for_once",
        "test_adapters.test_a_pipeline_of_llamaindex_pays_once_however_often_it_runs",
        "test_adapters.test_a_chain_runs_for_each_row",
    ),
    17: ("test_job.test_no_byte_of_the_key_is_in_the_folder", "test_ray.test_a_key_does_not_travel"),
    18: ("test_ray.test_the_same_rows_here_and_on_ray",),
}


def test_every_check_has_a_test() -> None:
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", __doc__ or "", re.MULTILINE)]
    assert listed == sorted(CHECKS) == list(range(1, 19))


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, names in CHECKS.items() for name in names])
def test_the_test_of_a_check_is_there(check: int, name: str) -> None:
    module, _, function = name.partition(".")
    assert callable(getattr(import_module(f"tests.bulk.{module}"), function)), check
