/*
 * A model of tickets: links break, with or without the service behind them,
 * up to BREAKS times; the module keeps the browsers and opens their streams
 * again.  A visitor writes, a device reads and is removed meanwhile.  What
 * commit and cursors do is the subject of sealchat.pml; here a commit is one
 * step.
 *
 * What is checked, in every order in which the steps can happen:
 *
 *   - what the service takes from a stream comes in the sender's order, without
 *     a gap, whatever was under way when links broke;
 *   - a session's first message comes on a stream that has its hello;
 *   - nothing is asked on a stream that is not authenticated;
 *   - a device that was removed is delivered nothing once that was answered,
 *     whatever ticket the module holds;
 *   - everything is stored and answered in the end: nobody waits for ever.
 *
 * Each mutation below takes one rule away; the model must then fail.
 *
 *   NO_MARK          what a client sent before its RESUME is taken
 *   ANY_MARK         a RESUME counts for a later stream than it was meant for
 *   NOT_TOLD         a client is not told that its stream is another one
 *   NO_REPEAT        a client does not repeat what is unanswered
 *   DEVICE_TRUSTED   a device's ticket is not held against today's roster
 *   SESSION_TRUSTED  a visitor's ticket is not held against what is stored;
 *                    and TICKET_EARLY: it gets one before its first STORED
 *   NOT_CLOSED       removing a device does not close its streams
 *   OLD_ANSWER       what an old stream asked is answered on its successor
 */

#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef BREAKS
#define BREAKS 2
#endif
#ifndef PIPE
#define PIPE 2               /* frames in one direction, kept by the module */
#endif

mtype = { AUTH, SEND, RESUME, READY, STORED, RESUMED, RESUMED_OUT };

/* Between browser and module: kept when a link breaks. */
chan from_visitor = [PIPE] of { mtype, byte };
chan to_visitor   = [PIPE] of { mtype, byte };

/* The link: lost when it breaks. */
chan link_up   = [1] of { mtype, byte };
chan link_down = [1] of { mtype, byte };

/* The module: whether its link stands, and what tickets it holds. */
bool linked = true;
bool ticket_visitor;
bool ticket_device = true;
byte breaks;

/* The visitor's stream, in the service. */
byte stream = 1;             /* its generation */
byte mark;                   /* until RESUME brings it; 0: none */
bool known;                  /* authenticated */
bool hello;                  /* came with AUTH on this stream */

/* The commit thread: one operation, and whose it is. */
byte queued;
byte queued_by;
byte done;
byte done_by;

/* The device's stream. */
bool device_known = true;
byte delivered;
bool told;                   /* the owner: it is removed */

/* On the disk. */
byte log_n;
bool removed;

/* The visitor. */
bool ready;
bool asking = true;          /* for READY */
byte asked;
byte answered;

#define DONE_ALL (answered == MESSAGES && told)

/* The link breaks; the service may go with it. */
proctype Fate()
{
    do
    :: atomic {
           linked && breaks < BREAKS && !DONE_ALL ->
           breaks++;
           linked = false;
           do
           :: len(link_up) > 0   -> link_up ? _, _
           :: len(link_down) > 0 -> link_down ? _, _
           :: else -> break
           od;
           known = false;
           hello = false;
           device_known = false;
           if
           :: true                        /* the link alone */
           :: true ->                     /* kill -9 */
               queued = 0;
               done = 0
           fi
       }
    :: DONE_ALL -> break
    :: breaks == BREAKS -> break
    od
}

/* Carries frames, and opens streams again. */
proctype Module()
{
    mtype kind;
    byte  n;

end:
    do
    :: atomic {
           linked && len(from_visitor) > 0 && len(link_up) == 0 ->
           from_visitor ? kind, n;
           link_up ! kind, n;
           n = 0
       }
    :: atomic {
           len(link_down) > 0 && len(to_visitor) < PIPE ->
           link_down ? kind, n;
           to_visitor ! kind, n;
           n = 0
       }
    :: atomic {
           !linked ->
           linked = true;
           stream++;
#ifdef NO_MARK
           mark = 0;
#else
           mark = stream;
#endif
           if
           :: known = false               /* its ticket has expired */
#ifdef SESSION_TRUSTED
           :: known = ticket_visitor
#else
           :: known = ticket_visitor && log_n > 0
#endif
           fi;
#ifdef DEVICE_TRUSTED
           device_known = ticket_device;
#else
           device_known = ticket_device && !removed;
#endif
#ifdef NOT_TOLD
           mark = 0
#else
           if
           :: known -> link_down ! RESUMED, stream
           :: else  -> link_down ! RESUMED_OUT, stream
           fi
#endif
       }
    od
}

/* One who writes: in order, and again what was not answered. */
proctype Visitor()
{
    byte n;

end:
    do
    :: atomic {
           asking && len(from_visitor) < PIPE ->
           asking = false;
           from_visitor ! AUTH, 0
       }
    :: atomic {
           ready && asked < MESSAGES && len(from_visitor) < PIPE ->
           asked++;
           from_visitor ! SEND, asked
       }
    :: atomic {
           to_visitor ? READY, n ->
           ready = true;
           if
           :: n > answered -> answered = n
           :: else
           fi;
           if
           :: answered > asked -> asked = answered
           :: else
           fi;
           n = 0
       }
    :: atomic {
           to_visitor ? STORED, n ->
           assert(n <= log_n);
           if
           :: n > answered -> answered = n
           :: else
           fi;
           n = 0
       }
    :: atomic {
           to_visitor ? [RESUMED, n] && len(from_visitor) < PIPE ->
           to_visitor ? RESUMED, n;
           from_visitor ! RESUME, n;
           ready = true;
           asking = false;
#ifndef NO_REPEAT
           asked = answered;
#endif
           n = 0
       }
    :: atomic {
           to_visitor ? [RESUMED_OUT, n] && len(from_visitor) < PIPE ->
           to_visitor ? RESUMED_OUT, n;
           from_visitor ! RESUME, n;
           ready = false;
           asking = true;
#ifndef NO_REPEAT
           asked = answered;
#endif
           n = 0
       }
    od
}

/* The event loop. */
proctype Loop()
{
    byte n;

end:
    do
    /* Before RESUME brought the mark, everything else is dropped. */
    :: atomic {
           linked && mark != 0 && len(link_up) > 0 ->
           if
           :: link_up ? RESUME, n ->
               if
#ifdef ANY_MARK
               :: true -> mark = 0
#else
               :: n == mark -> mark = 0
               :: else
#endif
               fi
           :: link_up ? SEND, n
           :: link_up ? AUTH, n
           fi;
           n = 0
       }
    :: atomic {
           link_up ? [RESUME, n] && linked && mark == 0 ->
           link_up ? RESUME, n;
           n = 0
       }
    :: atomic {
           link_up ? [AUTH, n] && linked && mark == 0 &&
           len(link_down) == 0 ->
           link_up ? AUTH, n;
           known = true;
           hello = true;
#ifdef TICKET_EARLY
           ticket_visitor = true;
#else
           ticket_visitor = ticket_visitor || log_n > 0;
#endif
           link_down ! READY, log_n;
           n = 0
       }
    :: atomic {
           link_up ? [SEND, n] && linked && mark == 0 && queued == 0 &&
           done == 0 ->
           link_up ? SEND, n;
           assert(known);
           assert(n <= log_n + 1);
           assert(log_n > 0 || hello);
           queued = n;
           queued_by = stream;
           n = 0
       }
    :: atomic {
           done > 0 && (!linked || len(link_down) == 0) ->
           if
#ifdef OLD_ANSWER
           :: linked && known ->
#else
           :: linked && known && done_by == stream ->
#endif
               ticket_visitor = true;
#ifdef OLD_ANSWER
               /* By its turn, as a tag is used again. */
               link_down ! STORED, answered + 1
#else
               link_down ! STORED, done
#endif
           :: else
           fi;
           done = 0
       }

    /* What is durable goes to a device that is logged in. */
    :: atomic {
           linked && device_known && delivered < log_n ->
           assert(!told);
           delivered++
       }
    od
}

/* The commit thread: compare, put, sync. */
proctype Commit()
{
end:
    do
    :: atomic {
           queued > 0 && done == 0 ->
           if
           :: queued == log_n + 1 -> log_n++
           :: else                /* the same bytes: the same answer */
           fi;
           done = queued;
           done_by = queued_by;
           queued = 0
       }
    od
}

/* The owner removes the device; asks again until it is answered. */
proctype Owner()
{
    removed = true;
    atomic {
        linked ->
#ifndef NOT_CLOSED
        device_known = false;
#endif
        told = true
    }
}

/* Ends when all is done; if it never can, that is an invalid end state. */
proctype Judge()
{
    DONE_ALL;
    assert(log_n == MESSAGES)
}

init
{
    atomic {
        run Fate();
        run Module();
        run Visitor();
        run Loop();
        run Commit();
        run Owner();
        run Judge()
    }
}
