# Draws what bench/growth wrote: how fast the store fills, and the p99 of STORED
# beside what else may go on.
#
#     gnuplot -e "folder='...'; out='...'" bench/growth.gp

set terminal svg size 900,720 background "white" font "sans-serif,14"
set output out
set multiplot layout 2,1
set grid ytics linecolor rgb "#dddddd"
set border 3
set tics nomirror

set title "Messages a second while the store fills, each thousand synced"
set xlabel "messages stored (million)"
set ylabel "messages a second (thousand)"
set yrange [0:*]
plot folder."/fill.dat" using ($1/1e6):($2/1e3) with lines \
    linewidth 2 linecolor rgb "#1f5fbf" notitle

set title "p99 of STORED beside what else goes on, to that of the same quiet round"
set xlabel ""
set ylabel "ratio"
set xrange [0.5:5.5]
set xtics ("a reader far behind" 1, "backups" 2, "deletion" 3, "expiry" 4, \
           "all of them" 5)
at(name) = name eq "p99 beside a reader far behind" ? 1 \
         : name eq "p99 beside backups" ? 2 \
         : name eq "p99 beside deletion" ? 3 \
         : name eq "p99 beside expiry" ? 4 \
         : name eq "p99 beside all of them" ? 5 : NaN
plot folder."/rounds.dat" using (at(strcol(1))):($3/$4) with points \
    pointtype 7 linecolor rgb "#1f5fbf" title "a round", \
    2 with lines linecolor rgb "#bf3f1f" title "bound"
unset multiplot
