//! The conditions under which a row's figures count, in one table.

use crate::report::figure::Figure;

/// What makes a check fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A process of the driver was lost.
    LostDriver,
    /// The server that the run starts did not listen.
    NoServer,
    /// The machine was too busy for the driver.
    BusyMachine,
    /// The server, or a late driver: what came after the end counts as missing.
    ServerOrBusyMachine,
    /// A slow server, or a machine that was too busy for it: one run does not tell which.
    SlowServerOrBusyMachine,
    /// The measurement itself: it says nothing about the server.
    Measurement,
    /// The server.
    Server,
}

const NOTHING_CAME: &str =
    "Check that the server answers at this URL, and that `duration` is long enough.";
const WRONG_MEASUREMENT: &str =
    "The measurement is at fault: please report it with the result file.";
const NO_COUNTS: &str = "Run where the kernel counts the bytes of a connection: Linux 4.19 or later, \
                         outside of sandboxes that have a network of their own.";
const SLOW_MACHINE: &str = "The machine is too slow for this load: use fewer clients or a lower \
                            rate, or stop what else runs on it.";
const LATE_DRIVER: &str = "The machine is too slow for this load: use fewer clients, a longer interval or lower \
                           rate, or more cores, or stop what else runs on it. `driver_lateness` in the \
                           scenario (--driver-lateness with wsbench try) permits a later driver.";
const CHANGED_BYTES: &str = "Either bytes were under way when connections were cut, as on a machine \
                             that is too slow (use fewer clients), or something between client \
                             and server changes them (remove proxies).";
/// What to do about a server that does not listen once it is started.
pub(crate) const NOT_STARTED: &str = "Correct [server] command, or what its output says; if it needs longer to \
                                      listen, set `ready_timeout`.";
const LOST_UPDATES: &str = "The server lost, repeated or delayed updates: see its log.";

tabled! {
    /// A condition of validity: its name in files, the usual cause of a failure, and what to do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Check: (&'static str, Cause, &'static str) {
        /// The case ran.
        Ran = ("ran", Cause::Server, NOTHING_CAME),
        /// The run was not stopped before its end.
        RunEnded = ("run_ended", Cause::Server, "See why the run was stopped."),
        /// Every client connected.
        AllClientsConnected = ("all_clients_connected", Cause::Server,
            "Check the server's log and limits (open files, backlog), or use fewer clients."),
        /// Clients had a connection for nearly all of the measured window, or everything came all the same.
        ClientsStayed = ("clients_stayed", Cause::Server,
            "See why the server ends connections or refuses them (Retry-After, retry), and set a longer \
             `warmup`, so that clients are back before the window begins. [feed] rate says what should come."),
        /// No driver or server process ended too early.
        NoProcessLost = ("no_process_lost", Cause::Server,
            "Check the machine's memory and the system log, then run again."),
        /// Messages came, if any were planned.
        SomethingMeasured = ("something_measured", Cause::Server, NOTHING_CAME),
        /// At most 1 % of exchanges and messages failed.
        ExchangesSucceed = ("exchanges_succeed", Cause::Server,
            "See the client errors, and the server's log."),
        /// Every byte at the sockets belongs to a part.
        LedgerExplainsEveryByte = ("ledger_explains_every_byte", Cause::Measurement,
            WRONG_MEASUREMENT),
        /// Driver and kernel count the same bytes.
        KernelAgrees = ("kernel_agrees", Cause::Measurement, WRONG_MEASUREMENT),
        /// Driver and server count the same bytes.
        ServerAgrees = ("server_agrees", Cause::Server, CHANGED_BYTES),
        /// What counts as a message of a server of one's own is one.
        MessagesDelimited = ("messages_delimited", Cause::Server,
            "Set what ends a message in the series."),
        /// Every update published was delivered, superseded or missing.
        DeliveriesAddUp = ("deliveries_add_up", Cause::ServerOrBusyMachine, LOST_UPDATES),
        /// Every update arrived that should have.
        NothingMissing = ("nothing_missing", Cause::ServerOrBusyMachine, LOST_UPDATES),
        /// No latency is shorter than the delay line.
        NeverFasterThanTheLine = ("never_faster_than_the_line", Cause::Server,
            "The times in the messages must be of this machine's CLOCK_MONOTONIC."),
        /// The times in a server's own messages can be right.
        TimesCanBeRight = ("times_can_be_right", Cause::Server,
            "Set `time`, `unit` and `clock` in [message] as the server writes its times."),
        /// Messages cost the bytes that arithmetic predicts.
        BytesAsPredicted = ("bytes_as_predicted", Cause::Server,
            "The server or a proxy sends other heads than the scenario says: compare them."),
        /// The driver was not late.
        DriverOnSchedule = ("driver_on_schedule", Cause::BusyMachine, LATE_DRIVER),
        /// Updates came at the rate at which they were published.
        FeedHeld = ("feed_held", Cause::BusyMachine,
            "Set [feed] rate (--rate with wsbench try) to what the server publishes. If it is \
             that already, the server or this machine is too slow: use fewer clients or a lower rate."),
        /// What a client sent reached every client.
        EveryMessageReachedAll = ("every_message_reached_all", Cause::ServerOrBusyMachine,
            LOST_UPDATES),
        /// The interval was stretched only if the scenario permits it.
        IntervalAsPermitted = ("interval_as_permitted", Cause::Measurement, WRONG_MEASUREMENT),
        /// A baseline has a run to compare with.
        RunIsValid = ("run_is_valid", Cause::Server, "See which of the run's checks failed."),
        /// A comparison has a figure that could be compared.
        SomethingCompared = ("something_compared", Cause::Server,
            "See why no figure could be compared."),
        /// Few enough runs of a comparison were discarded.
        RunsDiscarded = ("runs_discarded", Cause::BusyMachine, SLOW_MACHINE),
    }
}

impl Check {
    /// The name in files.
    pub const fn name(self) -> &'static str {
        self.row().0
    }
    /// The usual cause of a failure.
    pub const fn cause(self) -> Cause {
        self.row().1
    }
    /// What to do if it fails.
    pub const fn remedy(self) -> &'static str {
        self.row().2
    }
    /// Returns the outcome, with the usual cause of a failure.
    pub(crate) fn result(self, ok: bool, value: Figure, text: impl Into<String>) -> CheckResult {
        let outcome = if ok { CheckOutcome::Passed } else { CheckOutcome::Failed };
        self.ended(outcome, value, text)
    }
    /// Returns that there is nothing to check it with, and why.
    pub(crate) fn not_applicable(self, why: impl Into<String>) -> CheckResult {
        let why = why.into();
        self.ended(CheckOutcome::NotApplicable, Figure::absent(why.clone()), why)
    }
    /// Returns that it could not be made, and why.
    pub(crate) fn not_made(self, why: impl Into<String>) -> CheckResult {
        let why = why.into();
        self.ended(CheckOutcome::NotMade, Figure::absent(why.clone()), why)
    }
    fn ended(self, outcome: CheckOutcome, value: Figure, text: impl Into<String>) -> CheckResult {
        let text = text.into();
        let cause = self.cause();
        let remedy = match (self, outcome) {
            (Check::KernelAgrees, CheckOutcome::NotMade) => NO_COUNTS,
            (check, _) => check.remedy(),
        };
        CheckResult { check: self, outcome, value, text, cause, remedy, by_permission: false }
    }
}

named! {
    /// What became of a check.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum CheckOutcome {
        /// It was made, and it holds.
        Passed = "passed",
        /// It was made, and it does not hold.
        Failed = "failed",
        /// The scenario gives nothing to check with.
        NotApplicable = "not-applicable",
        /// There should have been something to check with, and it did not come.
        NotMade = "not-made",
    }
}

/// A check and its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckResult {
    /// The condition.
    pub check: Check,
    /// What became of it.
    pub outcome: CheckOutcome,
    /// The number that decided.
    pub value: Figure,
    /// The finding as a sentence.
    pub text: String,
    /// What made it fail, if it does not hold.
    pub cause: Cause,
    /// What to do if it does not hold; empty if the text says it.
    pub remedy: &'static str,
    /// True if it holds only because the scenario permits more than is usual.
    pub by_permission: bool,
}

impl CheckResult {
    /// True if the row's losses could not be checked: a reader must know that nobody looked.
    pub fn is_unchecked_loss(&self) -> bool {
        self.outcome == CheckOutcome::NotApplicable
            && matches!(self.check, Check::NothingMissing | Check::FeedHeld)
    }
    /// True if the row may count: it holds, or there is nothing to check it with.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, CheckOutcome::Passed | CheckOutcome::NotApplicable)
    }
}
