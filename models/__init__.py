'''Learners that adapt to every user and item from a stream of events; no Kafka, clock or disk.

A learner is a value with a few verbs on batches (models.learner.Learner):

    initial, unpack_users     states of users, new or of their rows
    adapt, adapt_items        the folds: events into users' states, feedback into items' rows
    catalogue                 what scoring reads of items' rows; it is fed, not folded
    recommend, ranks          lists, and where they would hold an item
    learn_gate                one online step per positive event, where there is a gate
    fit, save, load, version  what is learned offline

A verb changes nothing that it is given and depends on nothing else: the agents call it on the runs
that Kafka brings, `headwater evaluate` on windows of a file, tests on lists. models.checks holds
each learner to it.

To add a learner, write one file. With Scorer for a base, scoring is all that is left to do:

    """What was liked most, or followed most what the user had last."""

    import numpy as np

    from models import popularity
    from models.arrays import Float32s
    from models.catalogue import Catalogue
    from models.learner import Log
    from models.places import look_up
    from models.scorer import Scorer
    from models.user_states import UserStates


    class Follower(Scorer):
        """Scores log(likes + 1), and a bonus for what followed the user's last item in the log."""

        def fit(self, log: Log) -> "Follower":
            """Learn which item followed which, as pairs of hashes."""
            pairs = []
            for run in log.runs:
                for user in np.unique(run.user):
                    items = run.item[run.user == user]
                    pairs.append(np.stack([items[:-1], items[1:]], axis=1))
            learned = {"pairs": np.concatenate(pairs)}
            return type(self)(repeats=self.repeats, learned=learned)

        def scores(self, states: UserStates, catalogue: Catalogue) -> Float32s:
            """float32[n, items]: by position in the catalogue."""
            size, users = int(catalogue.shelves.size[0]), states.columns
            liked = catalogue.shelves.popularity.feature[:size, popularity.LIKED]
            scores = np.tile(liked, (len(states), 1))
            if "pairs" not in self.learned:
                return scores
            before, after = self.learned["pairs"].T
            place = np.empty(len(after), dtype=np.int64)
            look_up(catalogue.shelves.places, np.ascontiguousarray(after), place)
            for user in np.flatnonzero(users.ring_size > 0):
                last = users.ring_item[user, users.ring_size[user] - 1]
                np.add.at(scores[user], place[(before == last) & (place >= 0)], 1.0)
            return scores

Then `headwater evaluate --events E --learner my_module:Follower` puts it into the table beside the
others, and tests/models/test_learners.py holds what is added to models.learners to the checks. This
very text is a test: the code above passes them.
'''
