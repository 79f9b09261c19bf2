"""Every kind of bad input and the tests that give it to aifbench; `test_table.py` checks that they exist.

Those in this folder call the command line and ask for the exit code, one clear message, no traceback, what was
measured kept and nothing left running. Those elsewhere ask more about one part.
"""

from __future__ import annotations

HERE = "tests/badinput"
A_FILE = f"{HERE}/test_recipes.py::test_a_file_that_is_no_recipe_is_refused_with_its_place"
A_VALUE = f"{HERE}/test_recipes.py::test_one_wrong_value_is_named_with_its_place_and_what_would_be_right"
A_NUMBER = f"{HERE}/test_numbers.py::test_a_number_that_cannot_be_meant_is_refused"
GARBAGE = f"{HERE}/test_services.py::test_a_target_that_answers_garbage_where_data_is_prepared"
ONLY_ERRORS = f"{HERE}/test_services.py::test_a_target_that_gives_only_errors"
REAL = "tests/runner/test_real.py"

TABLE: dict[str, tuple[str, ...]] = {
    "broken YAML": (A_FILE, "tests/recipe/test_bad_input.py::test_a_damaged_file_is_taken_or_explained"),
    "unknown or misspelt keys and names": (
        A_VALUE,
        f"{HERE}/test_recipes.py::test_all_mistakes_are_told_at_once_in_the_order_of_the_file",
    ),
    "wrong types and units": (
        A_VALUE,
        "tests/recipe/test_bad_input.py::test_any_value_at_any_key_is_taken_or_explained",
    ),
    "negative, zero, huge and NaN numbers": (
        A_NUMBER,
        f"{HERE}/test_numbers.py::test_more_operations_than_can_be_kept_are_refused_before_anything_is_made_of_them",
        f"{HERE}/test_numbers.py::test_more_load_points_than_one_run_takes_are_counted_not_made",
    ),
    "contradicting settings": (A_VALUE,),
    "YAML alias bomb and 50 MB file": (A_FILE,),
    "binary or non-UTF-8 recipe": (A_FILE, f"{HERE}/test_recipes.py::test_what_is_no_file_is_refused"),
    "missing secret": (A_VALUE, f"{HERE}/test_recipes.py::test_a_secret_that_is_there_is_in_no_stored_file"),
    "missing extra": (
        f"{HERE}/test_services.py::test_a_missing_extra_is_named_with_the_line_that_installs_it",
        "tests/load/test_unexpected.py::test_a_package_that_is_not_there_is_told_with_the_line_that_installs_it",
    ),
    "port taken": (
        f"{HERE}/test_services.py::test_a_service_whose_port_is_taken",
        "tests/deploy/test_real.py::test_a_port_on_which_another_program_answers_is_replaced",
        "tests/services/test_live.py::test_a_taken_port_is_explained",
    ),
    "service that never gets ready": (f"{HERE}/test_services.py::test_a_service_that_never_gets_ready",),
    "service that dies while starting": (f"{HERE}/test_services.py::test_a_service_that_dies_while_starting",),
    "service that dies in the middle of a load point": (
        f"{HERE}/test_services.py::test_a_service_that_dies_in_the_middle_of_a_load_point",
        f"{HERE}/test_services.py::test_what_a_failed_service_serves_fails_with_it_and_the_rest_goes_on",
    ),
    "service that answers garbage": (GARBAGE, ONLY_ERRORS, "tests/load/test_faults.py::test_streamed"),
    "service that answers only errors": (
        ONLY_ERRORS,
        f"{HERE}/test_services.py::test_garbage_ends_no_other_load_point",
    ),
    "disk full in samples": (
        f"{HERE}/test_disk.py::test_samples_on_a_full_disk",
        f"{REAL}::test_a_full_disk_is_exit_code_7_and_the_run_goes_on_when_there_is_room",
        "tests/load/test_full_disk.py::test_a_worker_that_cannot_write_ends_with_7_and_says_which_file",
    ),
    "disk full in the journal": (
        f"{HERE}/test_disk.py::test_a_journal_on_a_full_disk",
        f"{HERE}/test_disk.py::test_a_disk_that_is_full_from_the_start_gets_no_half_made_run",
        "tests/store/test_journal.py::test_a_full_disk_is_an_error_and_leaves_no_half_event",
    ),
    "run folder not writable": (
        f"{HERE}/test_store.py::test_runs_that_cannot_be_written_are_refused_before_anything_is_started",
        f"{HERE}/test_store.py::test_a_folder_of_runs_that_is_a_file_is_a_wrong_command_line",
        "tests/runner/test_run.py::test_a_run_folder_that_may_not_be_written_is_refused_with_its_name",
    ),
    "truncated journal": (
        f"{HERE}/test_store.py::test_a_truncated_journal_is_named_and_the_rest_of_it_used",
        f"{HERE}/test_store.py::test_resume_of_a_truncated_journal_names_it_repeats_no_trial_and_repairs_it",
        f"{HERE}/test_store.py::test_one_damaged_run_hides_no_other_one_from_the_list",
        "tests/store/test_journal.py::test_a_journal_cut_anywhere_gives_its_whole_events_and_can_be_appended_to",
    ),
    "truncated Parquet file": (
        f"{HERE}/test_store.py::test_a_truncated_parquet_file_is_named_and_the_other_trial_gives_the_numbers",
        f"{HERE}/test_store.py::test_a_truncated_file_that_is_needed_is_named",
        "tests/samples/test_read.py::test_a_truncated_file_is_named_and_left_out",
    ),
    "two runs at once in one folder": (f"{HERE}/test_store.py::test_two_controllers_never_work_in_one_folder",),
    "resume of a finished run": (f"{HERE}/test_store.py::test_resume_of_a_finished_run_says_so_and_changes_nothing",),
    "resume of an unknown run": (f"{HERE}/test_store.py::test_resume_of_an_unknown_run_names_the_nearest",),
    "resume of a foreign run": (f"{HERE}/test_store.py::test_a_foreign_folder_is_refused_and_left_alone",),
    "run folder of a newer schema": (
        f"{HERE}/test_store.py::test_a_run_folder_of_a_newer_schema_is_refused_and_left_alone",
        f"{HERE}/test_store.py::test_a_newer_plan_or_result_is_refused",
    ),
    "SIGKILL of a worker": (
        f"{HERE}/test_kills.py::test_a_killed_worker_fails_its_trial_and_nothing_else",
        "tests/load/test_trial.py::test_a_killed_worker_is_named_and_the_others_samples_stay",
        "tests/runner/test_worker_killed.py::test_the_samples_of_a_killed_worker_are_kept_and_the_next_trial_is_done",
    ),
    "SIGKILL of the controller": (
        f"{HERE}/test_kills.py::test_a_killed_controller_leaves_nothing_running_and_resume_finishes",
    ),
    "SIGKILL of the controller at every journal event, fake executor": (
        "tests/runner/test_killed.py::test_a_controller_killed_at_any_event_is_resumed_to_the_same_result",
        "tests/runner/test_killed.py::test_a_controller_process_ended_by_sigkill_is_resumed_to_the_same_result",
        "tests/runner/test_killed.py::test_the_number_of_events_that_the_tests_below_go_through_is_that_of_the_run",
    ),
    "SIGKILL of the controller at ten points of a real run": (
        f"{REAL}::test_a_real_run_killed_at_ten_points_is_finished_by_resume",
    ),
}
