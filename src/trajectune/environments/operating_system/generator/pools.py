"""Names for invented machines: people, folders, files, programs, words; one set to train, one to test with.

Invariant: no name of `TEST` is in `TRAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Pool:
    """All names of a split."""

    people: tuple[str, ...]
    """Names of users."""
    folders: tuple[str, ...]
    stems: tuple[str, ...]
    """Names of files, without extension."""
    extensions: tuple[str, ...]
    programs: tuple[str, ...]
    """Names of programs that run."""
    groups: tuple[str, ...]
    words: tuple[str, ...]
    """What texts are made of."""
    cities: tuple[str, ...]
    variables: tuple[str, ...]

    def all(self) -> set[str]:
        """Every name."""
        return {name for field in fields(self) for name in getattr(self, field.name)}


def _pool(**texts: str) -> Pool:
    return Pool(**{name: tuple(text.split()) for name, text in texts.items()})


TRAIN = _pool(
    people="ana boris carla deniz emil farah goran hana ivo jelena karim lena milo nadia oskar "
    "petra quentin rosa samir tilda umar vera walid xenia yusuf zora amir bella cyrus "
    "dora",
    folders="harbor orchard ledger atlas beacon cedar delta ember falcon garden hollow island "
    "jasper kernel lantern meadow nectar oasis prairie quarry ridge summit timber upland "
    "valley willow yonder zephyr archive2 backlog catalog depot exports fixtures inbox "
    "outbox projects records reports samples staging",
    stems="alpha bravo carbon dragon eagle fable glacier hazel indigo jungle koala lemon mango "
    "nickel olive pepper quartz river silver tulip umbra velvet walnut yellow zebra "
    "agenda budget contract draft estimate forecast guide invoice journal letter memo "
    "notes order plan quote receipt schedule summary ticket",
    extensions="txt log csv md conf json xml html dat bak",
    programs="poller indexer mailer syncd ticker watcher feeder relay courier gatherer sweeper planner",
    groups="editors testers auditors writers planners drivers cooks bakers pilots tailors",
    words="timeout refused accepted started stopped created deleted updated loaded saved opened "
    "closed queued skipped retried cached mounted parsed signed verified rejected resumed "
    "paused copied moved",
    cities="Oslo Lima Quito Cairo Delhi Tokyo Paris Rome Madrid Vienna Prague Warsaw Dublin Athens Lisbon",
    variables="HOST PORT REGION OWNER MODE TIER STAGE COLOR TOPIC BUCKET QUEUE THEME",
)
TEST = _pool(
    people="agnes bjorn celia dario elif florin greta hugo inga jonas kaya leif mara nils olga pavel",
    folders="anchorage birchwood canyon dunes estuary fjord grotto highland inlet jetty knoll "
    "lagoon marsh northgate overlook plateau ravine shoreline tundra vineyard",
    stems="amber basil copper dahlia ebony fennel ginger heron iris juniper kestrel laurel "
    "maple nutmeg opal pollen raven saffron thistle violet audit brief charter digest "
    "entry",
    extensions="tsv yaml rst ini out",
    programs="harvester dispatcher janitor sentinel broker scribe",
    groups="gardeners sailors weavers miners curators",
    words="expired granted launched halted imported purged renewed fetched stored released "
    "locked merged dropped forwarded indexed",
    cities="Bergen Cusco Lagos Hanoi Kyoto Lyon Naples Seville Graz Brno",
    variables="LOCALE ENDPOINT CHANNEL PROFILE VOLUME CLUSTER",
)
