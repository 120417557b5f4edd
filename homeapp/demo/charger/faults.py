"""What can be wrong with the simulated station, on demand: each fault is one that real stations have shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong now; may be set at any time.

    Attributes:
        ignore_limits: it accepts profiles and charges as it likes.
        ignore_tx_profile: it accepts a TxProfile and does not heed it.
        default_next_only: a TxDefaultProfile holds for transactions that begin after it came, not for the running one.
        refuse_amps, refuse_watts: it rejects profiles in this unit.
        refuse_zero: it rejects profiles with a limit of 0.
        refuse_tx_profile, refuse_max_profile: it rejects profiles of this purpose.
        refuse_clear: it rejects ClearChargingProfile, until it restarts.
        silent: its socket stays open, but it says nothing and answers nothing.
        slow_s: seconds of the street's clock that each answer takes longer.
        drop_every_s: it drops the connection at random, this many seconds of the street's clock apart on average.
        no_pong: it answers no ping.
        stays_away_after_close: once the CSMS has closed the connection with a Close frame, it does not come back.
        clock_offset_s: its clock is wrong by so much; time stamps and schedules follow. A change is a jump.
        clock_1970: its clock has begun at 1970-01-01T00:00:00Z when this was set.
        no_boot: it sends no BootNotification of its own accord, and acts as if it had been accepted.
        no_status_after_reconnect: it tells no status that has not changed since the last connection.
        ended_seq_zero: TransactionEvent Ended has seqNo 0.
        integer_ids: the ids of its CALLs are JSON integers.
        one_id_for_all: all its CALLs have the same id.
        repeat_calls: it sends each CALL a second time, with its id, though it was answered.
        phase_to_neutral: phases are L1-N, L2-N, L3-N.
        only_sums: no measurand by phase: currents are the sum of the phases.
        kilowatt_hours: energies are in kWh, and powers in kW.
        no_unit: values come without their unit.
        values_as_text: in 2.x values are JSON strings; in 1.6, where they have to be, they are numbers.
        no_timestamp: StatusNotification and meter values have no timestamp.
        session_energy: energy registers begin at 0 with each transaction.
        illegal_action: it sends a CALL with this name, which no version has, after each connecting; empty for none.
    """

    ignore_limits: bool = False
    ignore_tx_profile: bool = False
    default_next_only: bool = False
    refuse_amps: bool = False
    refuse_watts: bool = False
    refuse_zero: bool = False
    refuse_tx_profile: bool = False
    refuse_max_profile: bool = False
    refuse_clear: bool = False
    silent: bool = False
    slow_s: float = 0.0
    drop_every_s: float = 0.0
    no_pong: bool = False
    stays_away_after_close: bool = False
    clock_offset_s: float = 0.0
    clock_1970: bool = False
    no_boot: bool = False
    no_status_after_reconnect: bool = False
    ended_seq_zero: bool = False
    integer_ids: bool = False
    one_id_for_all: bool = False
    repeat_calls: bool = False
    phase_to_neutral: bool = False
    only_sums: bool = False
    kilowatt_hours: bool = False
    no_unit: bool = False
    values_as_text: bool = False
    no_timestamp: bool = False
    session_energy: bool = False
    illegal_action: str = ""
