"""The errors that gradtrace shows to a person."""


class GradtraceError(Exception):
    """Something a person can act on: the message says what happened, where, and what to do.

    `exit_status` is what the command returns. Shown as `gradtrace: error: MESSAGE`, never as a traceback.
    """

    exit_status = 2


class UsageError(GradtraceError):
    """The command line cannot be carried out as it stands."""


class TargetError(GradtraceError):
    """The TARGET cannot be found, read or run."""


class RecordingError(GradtraceError):
    """A recording cannot be read: foreign, damaged or of a newer version."""


class RenderError(GradtraceError):
    """A picture cannot be drawn: a program is missing, or a limit of the format is reached."""


class NothingSeenError(GradtraceError):
    """Nothing of a run could be looked at, so that there is nothing to show."""


class UnknownNameError(GradtraceError):
    """A name or a place stands for no tensor of the run."""
