/*
 * A model of commit, acknowledgement, redelivery, back-pressure and restart:
 * a visitor who writes, a device that reads, and a service that dies at any
 * step, up to CRASHES times.  The words are those of the sidecar: link, loop,
 * queue, commit, cursor.
 *
 * What is checked, in every order in which the steps can happen:
 *
 *   - what was answered with STORED is on disk, whatever dies when;
 *   - nothing is in the log twice, and the log is in the sender's order;
 *   - the device sees every message, in order;
 *   - nothing is delivered that was acknowledged durably;
 *   - nobody waits for ever: not for each other (a ring of waits), and not
 *     for something that was forgotten.
 *
 * Each mutation below takes one rule away; the model must then fail.
 *
 *   ACK_BEFORE_COMMIT   STORED leaves when the batch is taken
 *   ACK_BEFORE_SYNC     STORED leaves before the sync
 *   DELIVER_EARLY       DELIVER leaves before the sync
 *   NO_DEDUPE           a repeated SEND is appended again
 *   NO_RESEND           the visitor forgets what was not answered
 *   CURSOR_ON_DELIVER   the cursor moves when something is delivered
 *   CURSOR_FORGOTTEN    delivery begins at 1 after a restart
 *   NO_CATCH_UP         what was stored while the window was full is not read
 *   NO_ROOM             a queue that has room again does not say so
 *   LOOP_HOLDS and      a service that cannot write reads no ACK, and a
 *   CLIENT_HOLDS        device that cannot write reads no DELIVER: each alone
 *                       does no harm, and both wait for each other
 */

#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef QUEUE
#define QUEUE 1              /* operations that may wait for the commit */
#endif
#ifndef WINDOW
#define WINDOW 1             /* DELIVERs without an ACK */
#endif
#ifndef PIPE
#define PIPE 1               /* frames under way in one direction */
#endif

mtype = { SEND, ACK, STORED, DELIVER, CURSOR };

/* The links: to the service and back, for visitor and device. */
chan from_visitor = [PIPE] of { mtype, byte };
chan to_visitor   = [PIPE] of { mtype, byte };
chan from_device  = [PIPE] of { mtype, byte };
chan to_device    = [PIPE] of { mtype, byte };

/* Inside the service: lost with it. */
chan queue        = [QUEUE] of { mtype, byte };
chan finished     = [QUEUE] of { mtype, byte };
byte head;                   /* what the loop knows to be durable */
byte sent;                   /* delivered to the device on this stream */
byte acked;                  /* by the device on this stream */
byte saved;                  /* cursors submitted to the commit thread */
bool reading;                /* of SENDs; false: the queue is full */

/* On the disk: these alone survive. */
byte log_n;
byte log[MESSAGES + 2];
byte cursor;

/* Each start of the service is a new generation of the links. */
byte life = 1;
byte crashes;

/* What people hold. */
byte answered;               /* the visitor: STORED came up to here */
byte asked;                  /* the visitor: sent on this connection */
byte seen;                   /* the device: persisted up to here */
byte acks;                   /* the device: the last ACK it owes, 0: none */

#define DONE_ALL (answered == MESSAGES && seen == MESSAGES \
                  && acks == 0 && len(from_device) == 0 \
                  && len(to_device) == 0)

inline forget()
{
    do
    :: len(from_visitor) > 0 -> from_visitor ? _, _
    :: len(to_visitor) > 0   -> to_visitor ? _, _
    :: len(from_device) > 0  -> from_device ? _, _
    :: len(to_device) > 0    -> to_device ? _, _
    :: len(queue) > 0        -> queue ? _, _
    :: len(finished) > 0     -> finished ? _, _
    :: else -> break
    od
}

/* Kills the service and starts it again: everything volatile is gone. */
proctype Fate()
{
    do
    :: atomic {
           crashes < CRASHES && !DONE_ALL ->
           crashes++;
           forget();
           assert(answered <= log_n);
           life++;
           head = log_n;
#ifdef CURSOR_FORGOTTEN
           sent = 0;
#else
           sent = cursor;
#endif
           acked = cursor;
           saved = cursor;
           reading = true;
#ifdef NO_RESEND
           skip;
#else
           asked = answered;
#endif
           acks = 0;
       }
    :: DONE_ALL -> break
    :: crashes == CRASHES -> break
    od
}

/* One who writes: in order, as far ahead as the link takes it. */
proctype Visitor()
{
    byte n;

end:
    do
    :: atomic {
           asked < MESSAGES && len(from_visitor) < PIPE ->
           asked++;
           from_visitor ! SEND, asked
       }
    :: atomic {
           to_visitor ? STORED, n ->
           assert(n <= log_n);
           assert(log[n] == n);
           if
           :: n > answered -> answered = n
           :: else
           fi;
           n = 0
       }
    od
}

/* One who reads: persists, then acknowledges. */
proctype Device()
{
    byte n;

end:
    do
#ifdef CLIENT_HOLDS
    :: atomic {
           acks == 0 && len(to_device) > 0 ->
           to_device ? DELIVER, n;
#else
    :: atomic {
           to_device ? DELIVER, n ->
#endif
           assert(n <= log_n);
           assert(n <= seen + 1);
           if
           :: n > seen -> seen = n
           :: else
           fi;
           if
           :: n > acks -> acks = n
           :: else
           fi;
           n = 0
       }
    :: atomic {
           acks > 0 && len(from_device) < PIPE ->
           from_device ! ACK, acks;
           acks = 0
       }
    od
}

inline deliver_next()
{
    /* Nothing is delivered behind an ACK that is durable. */
    assert(sent + 1 > cursor);
    sent++;
    to_device ! DELIVER, sent
#ifdef CURSOR_ON_DELIVER
    ; cursor = (sent > cursor -> sent : cursor)
#endif
}

/* The event loop: one step at a time, and never one that blocks. */
proctype Loop()
{
    byte n;
    mtype kind;

end:
    do
    /* SEND, unless the queue is full. */
    :: atomic {
           reading && len(from_visitor) > 0 && len(queue) < QUEUE ->
           from_visitor ? SEND, n;
#ifdef ACK_BEFORE_COMMIT
           to_visitor ! STORED, n;
#endif
           queue ! SEND, n;
           if
           :: len(queue) == QUEUE -> reading = false
           :: else
           fi;
           n = 0
       }

    /* ACK, always. */
#ifdef LOOP_HOLDS
    :: atomic {
           len(to_device) < PIPE && len(from_device) > 0 ->
           from_device ? ACK, n;
#else
    :: atomic {
           from_device ? ACK, n ->
#endif
           if
           :: n > acked -> acked = n
           :: else
           fi;
           if
           :: n > sent -> sent = n
           :: else
           fi;
           n = 0
       }

    /* A cursor goes to the commit thread when there is room. */
    :: atomic {
           acked > saved && len(queue) < QUEUE ->
           saved = acked;
           queue ! CURSOR, acked;
           if
           :: len(queue) == QUEUE -> reading = false
           :: else
           fi
       }

    /* What the commit thread has finished: STORED, and the new head. */
    :: atomic {
           len(finished) > 0 && len(to_visitor) < PIPE ->
           finished ? kind, n;
           if
           :: kind == SEND ->
#ifndef ACK_BEFORE_COMMIT
#ifndef ACK_BEFORE_SYNC
               to_visitor ! STORED, n;
#endif
#endif
#ifdef NO_CATCH_UP
               if
               :: n == head + 1 && sent == head && sent - acked < WINDOW &&
                  len(to_device) < PIPE ->
                   head = n;
                   deliver_next()
               :: else -> head = (n > head -> n : head)
               fi
#else
               if
               :: n > head -> head = n
               :: else
               fi
#endif
           :: else
           fi;
           kind = 0;
           n = 0
       }

#ifndef NO_ROOM
    :: atomic {
           !reading && len(queue) == 0 && len(finished) == 0 -> reading = true
       }
#endif

#ifndef NO_CATCH_UP
    /* From memory or from the store: the next one, within the window. */
    :: atomic {
           sent < head && sent - acked < WINDOW && len(to_device) < PIPE ->
           deliver_next()
       }
#endif
    od
}

/* The commit thread: compare and put, sync, hand back. */
proctype Commit()
{
    byte n, born;
    mtype kind;

end:
    do
    :: atomic {
           len(queue) > 0 && len(finished) < QUEUE ->
           queue ? kind, n;
           born = life
       }

#ifdef ACK_BEFORE_SYNC
       if
       :: atomic {
              born == life && kind == SEND && len(to_visitor) < PIPE ->
              to_visitor ! STORED, n
          }
       :: born != life || kind != SEND
       fi;
#endif
#ifdef DELIVER_EARLY
       if
       :: atomic {
              born == life && kind == SEND && n == sent + 1 &&
              sent - acked < WINDOW && len(to_device) < PIPE ->
              deliver_next()
          }
       :: else
       fi;
#endif

       /* The sync: with it, and not before, the disk has it.  One who died
        * in between leaves nothing. */
       atomic {
           if
           :: born == life && kind == SEND ->
               if
#ifdef NO_DEDUPE
               :: true ->
#else
               :: n == log_n + 1 ->
#endif
                   assert(log_n < MESSAGES);
                   log_n++;
                   log[log_n] = n;
                   assert(n == log_n)
#ifndef NO_DEDUPE
               :: n <= log_n          /* the same bytes: the same answer */
               :: n > log_n + 1 ->    /* seq-gap: in order it cannot be */
                   assert(false)
#endif
               fi
           :: born == life && kind == CURSOR ->
               cursor = (n > cursor -> n : cursor)
           :: else
           fi;
           assert(cursor <= seen);
       }

       atomic {
           if
           :: born == life -> finished ! kind, n
           :: else
           fi;
           n = 0;
           born = 0;
           kind = 0
       }
    od
}

/* Ends when all is done; if it never can, that is an invalid end state. */
proctype Judge()
{
    byte i;

    DONE_ALL;
    assert(log_n == MESSAGES);
    i = 1;
    do
    :: i <= MESSAGES -> assert(log[i] == i); i++
    :: else -> break
    od
}

init
{
    atomic {
        reading = true;
        run Fate();
        run Visitor();
        run Device();
        run Loop();
        run Commit();
        run Judge()
    }
}
