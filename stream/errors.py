"""Every error that headwater raises on purpose.

HeadwaterError                 exit code 1: something outside failed
├── UsageError                 exit code 2: what the caller gave is wrong
│   ├── SettingsError          a setting's value or name
│   ├── InputFileError         a file that cannot be read as events, items or users
│   └── OutsideCloneError      a command that needs a clone of the project
├── BrokerError                Kafka itself
│   ├── BrokerUnreachable      nobody answers at the address, within the time allowed
│   ├── PortTaken              the local broker's port belongs to someone else
│   └── BrokerFailed           the local broker did not start or stop
├── TopicError                 a topic whose shape would break a guarantee
├── SendError                  Kafka refused or lost a message for good
├── OutputFileError            a file that cannot be written
├── LearnerFailed              one of several learners that are compared; the others did not
├── CodecError                 packed bytes that this release cannot read
└── StateError                 local state that does not fit its changelog or its worker
"""


class HeadwaterError(Exception):
    """Something failed; the message says what was required and what came."""

    exit_code = 1


class UsageError(HeadwaterError):
    """What the caller gave is wrong; trying again will not help."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has a wrong value, or a name that does not exist."""


class InputFileError(UsageError):
    """A file cannot be read as events, items or users."""


class OutsideCloneError(UsageError):
    """A command needs a clone of the project, and this is an installed package."""


class BrokerError(HeadwaterError):
    """Kafka cannot be used."""


class BrokerUnreachable(BrokerError):
    """No broker answered at the address within the time allowed."""


class PortTaken(BrokerError):
    """The local broker's port is in use by another process."""


class BrokerFailed(BrokerError):
    """The local broker did not start, or did not stop."""


class TopicError(HeadwaterError):
    """A topic's partitions, cleanup, time or size would break a guarantee."""


class SendError(HeadwaterError):
    """A message was refused by Kafka, or was lost for good."""


class OutputFileError(HeadwaterError):
    """A file cannot be written: the disk is full, or the folder is not ours."""


class LearnerFailed(HeadwaterError):
    """One of several learners that are compared; what the others found is told all the same."""


class CodecError(HeadwaterError):
    """Packed bytes (a row, an internal record) are cut short or of another version."""


class StateError(HeadwaterError):
    """Local state does not fit its changelog or its worker."""
