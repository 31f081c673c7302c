import threading

import pytest

from dataeval_ui.errors import CancelledError
from dataeval_ui.services.beside import Beside


class Told:
    """A progress that keeps what it is told, and by which thread."""

    def __init__(self, cancelled=False):
        self.reports, self.threads, self.cancelled = [], set(), cancelled

    def report(self, stage, n_done, n_total):
        self.reports.append((stage, n_done, n_total))
        self.threads.add(threading.get_ident())

    def check_cancelled(self):
        if self.cancelled:
            raise CancelledError("Stopped.")


def test_the_work_goes_on_while_the_caller_does_something_else():
    reached, seen = threading.Event(), threading.Event()

    def work(progress):
        reached.set()
        assert seen.wait(10)
        return 7

    with Beside(work, Told()) as beside:
        assert reached.wait(10)
        seen.set()
        assert beside.result() == 7


def test_reports_are_passed_on_by_the_caller_and_only_while_it_waits():
    told, reported, go = Told(), threading.Event(), threading.Event()

    def work(progress):
        progress.report("findings", 3, 9)
        reported.set()
        go.wait(10)

    with Beside(work, told) as beside:
        reported.wait(10)
        assert told.reports == []
        threading.Timer(0.5, go.set).start()
        beside.result()
    assert set(told.reports) == {("findings", 3, 9)}
    assert told.threads == {threading.get_ident()}


def test_an_error_of_the_work_is_raised_where_its_result_is_asked_for():
    def work(progress):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), Beside(work, Told()) as beside:
        beside.result()


def endless(progress):
    while True:
        progress.check_cancelled()


def test_leaving_early_stops_the_work():
    with pytest.raises(KeyError), Beside(endless, Told()):
        raise KeyError
    assert not any(thread.name.startswith("beside") for thread in threading.enumerate())


def test_a_cancelled_caller_does_not_wait():
    with pytest.raises(CancelledError), Beside(endless, Told(cancelled=True)) as beside:
        beside.result()
