"""What Dagster's signs of life mean. Pure: they are read elsewhere, and judged against the moment given."""

from datetime import datetime, timedelta

from metrifly_pipeline.domain.health import Automation, Check, DagsterSigns, Measure

ALIVE = timedelta(seconds=90)
"""The daemon says that it is alive every 30 seconds."""
SCHEDULE_QUIET = timedelta(minutes=15)
"""The daily schedule ticks every 5 minutes."""
SENSOR_QUIET = timedelta(minutes=3)
"""The sensor ticks every few seconds; a tick may take a minute."""
LOOK = "see that `metrifly dev` runs"


def checks_of_signs(signs: DagsterSigns, now: datetime) -> tuple[Check, ...]:
    """Whether what should start by itself does."""
    if signs.unreadable:
        said, same = "Dagster's storage can't be read, so nobody knows", "See the line on the daemon."
        remedy = (
            "See that the database that METRIFLY_DAGSTER_URL names (without it: the folder `dagster` of METRIFLY_HOME) "
            "can be reached and read, then look again: `metrifly health`."
        )
        return tuple(
            Check(name=name, ok=False, text=said, remedy=remedy if name == "daemon" else same)
            for name in ("daemon", "schedule", "sensor")
        )
    return check_of_daemon(signs, now), check_of_schedule(signs.schedule, now), check_of_sensor(signs.sensor, now)


def check_of_daemon(signs: DagsterSigns, now: datetime) -> Check:
    """Whether somebody is there to start runs."""
    if signs.beat_at is None:
        return Check(
            name="daemon",
            ok=False,
            text="Dagster's daemon has never run here: nothing starts by itself",
            remedy="Start it with `metrifly dev`.",
        )
    age = now - signs.beat_at
    ok = age <= ALIVE
    said = f"last sign of life {in_words(age)} ago"
    return Check(
        name="daemon",
        ok=ok,
        text=said if ok else f"Dagster's daemon is down ({said}): nothing starts by itself",
        remedy="" if ok else "Start it again with `metrifly dev`.",
        measures=(
            Measure(
                name="daemon_beat_age_seconds", help="Since the daemon's last sign of life.", value=age.total_seconds()
            ),
        ),
    )


def check_of_schedule(schedule: Automation, now: datetime) -> Check:
    """Whether the daily sync is on and ticks."""
    return _ticking("schedule", "daily_sync", schedule, now, SCHEDULE_QUIET)


def check_of_sensor(sensor: Automation, now: datetime) -> Check:
    """Whether sync now is on and ticks."""
    return _ticking("sensor", "sync_now", sensor, now, SENSOR_QUIET)


def _ticking(name: str, automation: str, found: Automation, now: datetime, quiet: timedelta) -> Check:
    age = None if found.ticked_at is None else now - found.ticked_at
    text, remedy = _trouble(name, automation, found, age, quiet)
    labels = (("automation", automation),)
    measures = [
        Measure(name="automation_on", help="Whether it is turned on.", value=float(found.on), labels=labels),
        *(
            []
            if age is None
            else [
                Measure(name="tick_age_seconds", help="Since its last tick.", value=age.total_seconds(), labels=labels)
            ]
        ),
    ]
    return Check(name=name, ok=not remedy, text=text, remedy=remedy, measures=tuple(measures))


def _trouble(name: str, automation: str, found: Automation, age: timedelta | None, quiet: timedelta) -> tuple[str, str]:
    """What is said, and what to do; nothing where all is fine."""
    if age is None:
        return f"{automation} has never ticked: nothing starts by itself", "Start Dagster with `metrifly dev`."
    said = f"{automation} ticked {in_words(age)} ago"
    place = "the Dagster UI of `metrifly dev`, under Automation"
    if not found.on:
        return f"{automation} is turned off: what it starts waits for ever", f"Turn the {name} on in {place}."
    if found.failed:
        return f"{said}, and that tick failed: what it starts waits", f"Read why in {place}."
    if age > quiet:
        return f"{said}: what it starts waits", f"{LOOK[0].upper()}{LOOK[1:]}; start it again where it does."
    return said, ""


def in_words(span: timedelta) -> str:
    """A span as people say it, in its largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"
