# SPDX-License-Identifier: Apache-2.0
#
# gnuplot -e "format = 'svg'; data = 'FILE'; output = 'FILE'" plot.gp
# data: number of running sandboxes, median, least and most of the milliseconds of one more start

if (format eq 'svg') set terminal svg size 800,500 background rgb 'white'; else set terminal pngcairo size 800,500
set output output
set title "Start of a sandbox from a template"
set xlabel "sandboxes that run already"
set ylabel "moat run --detach, ms"
set yrange [0:*]
set xrange [-0.5:*]
set grid ytics
set key bottom right
plot data using 1:3:4 with filledcurves fillcolor rgb '#c8d8f0' title "least to most", \
     data using 1:2 with linespoints linecolor rgb '#2050a0' pointtype 7 pointsize 0.5 title "median"
