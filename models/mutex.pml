/* The mutex of zig/src/mutex.zig between threads of which any may die at any step, and what the kernel then does with
   their robust lists (zig/src/robust.zig). `npm run model -- mutex` goes through all interleavings: each `atomic` is one
   step, and a death may come between any two.

   The states and steps have the names they have in mutex.zig's head. There is no clock: a sleep with a limit may end at
   any moment, and a gate that was closed by a thread that is dead is open.

   - At most one thread is between CLAIM and FREE.
   - A taker is told `abandoned` if and only if the last owner died with the lock.
   - When nothing can happen any more, every living thread has had the lock as often as it wanted, or has left because its
     time was up: no wake is lost. Where the kernel marks the dead this holds without the second line: nobody looks again.

   variant: lists
   variant: second-line -DNO_LISTS
   sabotage: drop-pending -DDROP_PENDING
   sabotage: drop-waiters -DDROP_WAITERS
   sabotage: drop-waking -DDROP_WAKING
   sabotage: drop-second-line -DDROP_SECOND_LINE */

#define THREADS 3
#ifndef DEATHS
#define DEATHS 2
#endif

mtype = { FREE, TAKEN, WAITED, DEAD, BEGIN, CLAIM, LINK, END, UNLINK, WAKE, CLEAR, ANNOUNCE, SLEEP, LOOK, SEIZE };

#define WAITERS 128
#define OWNER_DIED 64
#define TID(w) ((w) & 63)
#define STATE(w) ((w) == 0 -> FREE : ((w) & OWNER_DIED -> DEAD : ((w) & WAITERS -> WAITED : TAKEN)))

byte word; /* The owner's number, from 1, and the flags. */
byte waking; /* What the word was when an owner gave back WAITED. */
byte starved; /* Who closed the gate. */

/* What the kernel knows of each thread. */
bool pending[THREADS], linked[THREADS], asleep[THREADS], dead[THREADS];

/* What only the properties look at. */
byte owner; /* Who is between CLAIM and FREE. */
bool untold; /* An owner died, and nobody was told yet. */
bool owes[THREADS]; /* It got a wake or has to give one: it is to take the lock, announce itself, or wake another. */
bool done[THREADS];
byte deaths;

#define me _pid
#define is_free (STATE(word) == FREE || STATE(word) == DEAD)
#define gate_open (starved == 0 || dead[starved - 1])
#define owner_gone (TID(word) > 0 && dead[TID(word) - 1])
#define step(name) printf("thread %d: %e; the lock is %e\n", me + 1, name, STATE(word))

/* What tells a taker that others may sleep. */
#ifdef DROP_WAKING
#define others_sleep (word & WAITERS)
#else
#define others_sleep ((word & WAITERS) || waking != 0)
#endif

/* A sleeper looks again only where that makes a difference, or nothing would ever come to rest. */
#if defined(NO_LISTS) && !defined(DROP_SECOND_LINE)
#define looks_again ((dead[0] || dead[1] || dead[2]) && (is_free || owner_gone))
#else
#define looks_again false
#endif

#define nobody_sleeps (!asleep[0] && !asleep[1] && !asleep[2])

/* futex(2): wakes one of those who sleep, whichever. */
inline wake() {
    if
    :: asleep[0] -> asleep[0] = false; owes[0] = true
    :: asleep[1] -> asleep[1] = false; owes[1] = true
    :: asleep[2] -> asleep[2] = false; owes[2] = true
    :: else
    fi
}

inline own(abandoned) {
    assert(owner == 0);
    assert(untold == (abandoned));
    untold = false;
    owner = me + 1;
    owes[me] = false
}

/* It has the lock, or leaves without. */
inline wait_ends() {
    waited = false;
    leaves = false;
    patient = false;
    if
    :: starving -> starving = false; starved = 0
    :: else
    fi
}

active [THREADS] proctype thread() {
    mtype at = BEGIN; /* The next step. */
    byte turns = (me == 0 -> 2 : 1); /* How often it still wants the lock. */
    byte seen;
    bool patient; /* It waits for ever. */
    bool leaves; /* Its time is up. */
    bool waited; /* It is no newcomer. */
    bool starving;

    do
    /* take */
    :: atomic { at == BEGIN && !linked[me] && turns > 0 && gate_open ->
        turns--;
        if
        :: patient = true
        :: patient = false
        fi;
#ifndef DROP_PENDING
        pending[me] = true;
#endif
        step(BEGIN);
        at = CLAIM }
    :: atomic { at == CLAIM && !asleep[me] ->
        if
        :: is_free ->
            own(STATE(word) == DEAD);
            word = (me + 1) | (others_sleep || waited -> WAITERS : 0);
            step(CLAIM);
            at = LINK
        :: else -> at = ANNOUNCE
        fi }
    :: atomic { at == LINK ->
        linked[me] = true;
        step(LINK);
        wait_ends();
        at = END }
    :: atomic { at == END ->
        pending[me] = false;
        step(END);
        at = BEGIN }

    /* wait */
    :: atomic { at == ANNOUNCE ->
        if
        :: is_free -> at = CLAIM
        :: else ->
#ifndef DROP_WAITERS
            word = word | WAITERS;
#endif
            step(ANNOUNCE);
            owes[me] = false;
            if
            :: leaves -> wait_ends(); at = END
            :: !leaves -> seen = word; at = SLEEP
            :: !leaves && waited -> starving = true; starved = me + 1; seen = word; at = SLEEP
            fi
        fi }
    :: atomic { at == SLEEP ->
        asleep[me] = (word == seen);
        step(SLEEP);
        seen = 0;
        waited = true;
        at = CLAIM }
    /* Its time is up: it tries once more. */
    :: atomic { asleep[me] && !patient -> asleep[me] = false; leaves = true }
    /* An asynchronous wait is called off, and passes on the wake that it got. */
    :: atomic { asleep[me] && !patient -> asleep[me] = false; wait_ends(); at = END }
    :: atomic { at == CLAIM && owes[me] && !asleep[me] && !patient -> at = WAKE }

    /* the second line */
    :: atomic { asleep[me] && looks_again ->
        asleep[me] = false;
        step(LOOK);
        if
        :: owner_gone -> seen = word; at = SEIZE
        :: else
        fi }
    :: atomic { at == SEIZE ->
        if
        :: word == seen -> own(true); word = (me + 1) | WAITERS; step(SEIZE); at = LINK
        :: else -> at = CLAIM
        fi;
        seen = 0 }

    /* release */
    :: atomic { at == BEGIN && linked[me] ->
#ifndef DROP_PENDING
        pending[me] = true;
#endif
        step(BEGIN);
        at = UNLINK }
    :: atomic { at == UNLINK ->
        linked[me] = false;
        step(UNLINK);
        at = FREE }
    :: atomic { at == FREE ->
        assert(TID(word) == me + 1);
        owner = 0;
        if
        :: STATE(word) == WAITED -> owes[me] = true; seen = word; waking = word; at = WAKE
        :: else -> at = END
        fi;
        word = 0;
        step(FREE) }
    :: atomic { at == WAKE ->
        at = (seen != 0 && nobody_sleeps -> CLEAR : END);
        wake();
        step(WAKE);
        owes[me] = false;
        wait_ends();
        seen = (at == CLEAR -> seen : 0) }
    /* Unless it is another's by now: nobody slept, so nobody's wake can be lost. */
    :: atomic { at == CLEAR ->
        waking = (waking == seen -> 0 : waking);
        step(CLEAR);
        seen = 0;
        at = END }

    :: atomic { at == BEGIN && !linked[me] && turns == 0 -> done[me] = true; break }

    /* It dies. What the kernel does then: exit_robust_list(), handle_futex_death(). */
    :: atomic { deaths < DEATHS ->
        deaths++;
        dead[me] = true;
        asleep[me] = false;
        untold = untold || owner == me + 1;
        owner = (owner == me + 1 -> 0 : owner);
        at = END;
#ifndef NO_LISTS
        if
        :: pending[me] && TID(word) == 0 -> at = WAKE
        :: (pending[me] || linked[me]) && TID(word) == me + 1 ->
            at = (word & WAITERS -> WAKE : END);
            word = (word & WAITERS) | OWNER_DIED
        :: else
        fi;
#endif
        printf("thread %d dies; the lock is %e\n", me + 1, STATE(word));
        break }
    od;
    atomic {
        if
        :: dead[me] && at == WAKE -> wake(); printf("the kernel wakes one\n")
        :: else
        fi;
        at = END; turns = 0; seen = 0; patient = false; leaves = false; waited = false; starving = false;
        pending[me] = false; linked[me] = false; owes[me] = false
    }
}

/* When nobody is to die any more and nothing can happen, all have what they wanted. */
active proctype rest() {
    deaths = DEATHS;
    timeout;
    assert(done[0] || dead[0]);
    assert(done[1] || dead[1]);
    assert(done[2] || dead[2])
}
